import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { tuneCollectorForBuffers } from '../../src/collector.ts';

const MIB = 1024 * 1024;
/** `NODE_PERFORMANCE_GC_MAJOR` */
const WHOLE_HEAP = 4;

if (process.argv.includes('tuned')) tuneCollectorForBuffers();
let full = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const { kind } = Reflect.get(entry, 'detail') as { kind: number };
    if (kind === WHOLE_HEAP) full += 1;
  }
});
observer.observe({ entryTypes: ['gc'] });
let last: Buffer | undefined;
for (let round = 0; round < 256; round += 1) {
  for (let piece = 0; piece < 32; piece += 1) last = Buffer.alloc(MIB / 16, round);
  await pause(2);
}
await pause(20);
process.stdout.write(`${last === undefined ? Number.NaN : full}`);
