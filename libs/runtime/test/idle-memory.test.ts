import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { IdleMemory, ownMemory } from '../src/idle-memory.ts';

const MIB = 1024 * 1024;

/** A process with `liveBytes` in use; a release lets go of half of the rest, as one that leaves pages half empty. */
function processWith(liveBytes: number) {
  const state = { busy: 0, residentBytes: liveBytes, releases: 0, releasing: false };
  const idle = new IdleMemory({
    busyShare: () => state.busy,
    residentBytes: () => state.residentBytes,
    beginRelease: () => {
      expect(state.releasing).toBe(false);
      state.releases += 1;
      state.releasing = true;
    },
    endRelease: () => {
      expect(state.releasing).toBe(true);
      state.releasing = false;
      state.residentBytes -= (state.residentBytes - liveBytes) / 2;
    },
  });
  const look = (times = 1): void => {
    for (let time = 0; time < times; time++) idle.look();
  };
  return { state, look };
}

it('gives memory back when there is nothing to do, and does not disturb who is at work', () => {
  const { state, look } = processWith(100 * MIB);
  state.residentBytes = 300 * MIB;
  state.busy = 0.2;
  look(5);
  expect(state.releases).toBe(0);
  state.busy = 0.01;
  look();
  expect(state.releasing).toBe(true);
});

it('stops at once when there is work again, and begins anew after it', () => {
  const { state, look } = processWith(100 * MIB);
  state.residentBytes = 300 * MIB;
  look();
  state.busy = 0.2;
  look();
  expect(state.releasing).toBe(false);
  look(5);
  expect(state.releases).toBe(1);
  state.busy = 0;
  look();
  expect(state.releasing).toBe(true);
});

it('goes on as long as it gives much back, and not a time longer', () => {
  const { state, look } = processWith(100 * MIB);
  state.residentBytes = 200 * MIB;
  look(30);
  // It gives back 50, 25 and 12.5 MiB; what is left is not worth another time.
  expect(state.releases).toBe(3);
  expect(state.releasing).toBe(false);
});

it('begins again when enough has come, counted from the least there was', () => {
  const { state, look } = processWith(100 * MIB);
  look(5);
  expect(state.releases).toBe(1);
  state.residentBytes = 110 * MIB;
  look();
  expect(state.releases).toBe(1);
  state.residentBytes = 90 * MIB;
  look();
  state.residentBytes = 110 * MIB;
  look();
  expect(state.releases).toBe(2);
});

it('tells a process at work from one that waits', async () => {
  const memory = ownMemory();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const waiting = memory.busyShare();
  for (const until = performance.now() + 200; performance.now() < until; );
  await new Promise((resolve) => setImmediate(resolve));
  const working = memory.busyShare();
  expect(working).toBeGreaterThan(waiting);
  expect(working).toBeLessThanOrEqual(1);
});

it('makes the resident memory of a process smaller by what it does not need any more', async () => {
  const program = `
    const source = (name) => import(new URL(name, ${JSON.stringify(new URL('../src/', import.meta.url).href)}).href);
    const { tuneCollectorForBuffers } = await source('collector.ts');
    const { ownMemory } = await source('idle-memory.ts');
    tuneCollectorForBuffers();
    const memory = ownMemory();
    let kept = Array.from({ length: 1_000_000 }, (_, at) => ({ at, text: 'x' + at }));
    const full = memory.residentBytes();
    kept = undefined;
    await new Promise((resolve) => setImmediate(resolve));
    memory.beginRelease();
    const within = performance.now() + 30_000;
    while (full - memory.residentBytes() < ${40 * MIB} && performance.now() < within) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    memory.endRelease();
    console.log(JSON.stringify({ full, left: memory.residentBytes() }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  const { full, left } = JSON.parse(stdout);
  expect(full - left).toBeGreaterThanOrEqual(40 * MIB);
}, 40_000);
