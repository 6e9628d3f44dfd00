import { randomUUID } from 'node:crypto';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openWriter, type StreamWriter } from '../src/index.ts';
import { batchOf, by, TestLeadership, WriterWorld } from './support/writer-world.ts';

const WRITERS = 500;
/** It takes about 1.5 KiB. A leader may have ten thousand of them. */
const MAX_IDLE_BYTES = 2048;

/** Writers of as many streams, to each of which one batch was published. */
async function idleWriters(world: WriterWorld): Promise<StreamWriter[]> {
  const leadership = new TestLeadership(1);
  const settings = {};
  const writers: StreamWriter[] = [];
  for (let index = 0; index < WRITERS; index += 1) {
    const stream = { name: `idle/${index}`, streamId: randomUUID(), container: `mv-${index}` };
    await world.pages.createContainer(stream.container);
    const { pages, runtime } = world;
    const writer = await world.run(openWriter({ pages, runtime, stream, leadership, settings }));
    await world.run(writer.append(batchOf('one', by(randomUUID(), 0))));
    writers.push(writer);
  }
  return writers;
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return getHeapStatistics().used_heap_size;
}

it('holds little while its stream is idle', async () => {
  const world = new WriterWorld();
  const writers = await idleWriters(world);
  const withWriters = heapBytes();
  expect(writers.splice(0)).toHaveLength(WRITERS);
  const bytesEach = (withWriters - heapBytes()) / WRITERS;
  expect(bytesEach).toBeGreaterThan(500);
  expect(bytesEach).toBeLessThan(MAX_IDLE_BYTES);
});
