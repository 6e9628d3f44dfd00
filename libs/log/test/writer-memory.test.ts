import { encodeBatch } from '@message-vault/framing';
import { type FaultPlan, faultyStorage, type PageStore } from '@message-vault/storage';
import { expect, it } from 'vitest';
import { openWriter, type StreamWriter, type WriterSettings } from '../src/index.ts';
import { batchOf, by, onCall, producerA, TestLeadership, WriterWorld } from './support/writer-world.ts';

interface Watched {
  readonly world: WriterWorld;
  readonly writer: StreamWriter;
  /** The memory each commit was written from. */
  readonly written: ArrayBufferLike[];
}

async function watched(
  faults: FaultPlan = () => undefined,
  settings: Partial<WriterSettings> = {},
): Promise<Watched> {
  const world = new WriterWorld();
  await world.pages.createContainer(world.stream.container);
  const faulty = faultyStorage(world.storage, faults, { runtime: world.runtime }).pages;
  const written: ArrayBufferLike[] = [];
  const pages: PageStore = {
    ...faulty,
    writePages: (ref, offset, bytes, ...rest) => {
      written.push(bytes.buffer);
      return faulty.writePages(ref, offset, bytes, ...rest);
    },
  };
  const { runtime, stream } = world;
  const leadership = new TestLeadership(1);
  const writer = await world.run(openWriter({ pages, runtime, stream, leadership, settings }));
  return { world, writer, written };
}

/** Commits that follow each other without a pause, each of one batch of its own size. */
async function appendInARow({ world, writer }: Watched, sizes: readonly number[]): Promise<string[]> {
  const values = sizes.map((size, index) => String(index).repeat(size));
  const batches = values.map((value) =>
    encodeBatch({ messages: [{ value: Buffer.from(value), kind: 'text', headers: [] }] }),
  );
  await world.run(Promise.all(batches.map((batch) => writer.append(batch))));
  return values;
}

const HUGE = 3_000_000;

function everyWriteTakes(beforeMs: number): FaultPlan {
  return ({ operation }) => (operation === 'pages.writePages' ? { kind: 'delay', beforeMs } : undefined);
}

it('writes commits that follow each other from the same memory, and each is what it was', async () => {
  const watch = await watched();
  const values = await appendInARow(watch, [HUGE, HUGE - 1000, HUGE - 2000, HUGE - 500]);
  expect(new Set(watch.written).size).toBe(1);
  expect(await watch.world.values()).toEqual(values);
});

it('keeps no memory once there is nothing more to write', async () => {
  const watch = await watched();
  await appendInARow(watch, [HUGE]);
  await appendInARow(watch, [HUGE]);
  expect(new Set(watch.written).size).toBe(2);
});

it('leaves the memory of a commit alone that was sent more than once', async () => {
  const watch = await watched(onCall('writePages', 0, { kind: 'land_later', afterMs: 500 }));
  const values = await appendInARow(watch, [HUGE, HUGE, HUGE]);
  const [first, again, second, third] = watch.written;
  expect(again).toBe(first);
  expect(second).not.toBe(first);
  expect(third).toBe(second);
  expect(await watch.world.values()).toEqual(values);
});

it('lays the next commit out while one is on its way, in memory of its own, and goes back to that of the first', async () => {
  const watch = await watched(everyWriteTakes(100));
  const values = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(HUGE));
  const answers: Promise<unknown>[] = [];
  for (const value of values) {
    answers.push(watch.writer.append(batchOf(value)));
    await watch.world.runtime.advance(50);
  }
  await watch.world.run(Promise.all(answers));
  const [first, second, ...rest] = watch.written;
  expect(second).not.toBe(first);
  expect(new Set(rest).size).toBe(2);
  expect(await watch.world.values()).toEqual(values);
});

it('stores nothing that was laid out and then given up', async () => {
  let down = true;
  const watch = await watched((call) => {
    if (call.operation !== 'pages.writePages') return undefined;
    return down ? { kind: 'refuse', code: 'unavailable' } : { kind: 'delay', beforeMs: 100 };
  });
  const { runtime } = watch.world;
  const answers = [watch.writer.append(batchOf('a'))];
  await runtime.advance(1);
  answers.push(watch.writer.append(batchOf('b'.repeat(HUGE))), watch.writer.append(batchOf('c')));
  const given = Promise.allSettled(answers);
  await runtime.advance(60_000);
  expect((await given).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  down = false;
  const stored = [watch.writer.append(batchOf('d'))];
  await runtime.advance(50);
  stored.push(watch.writer.append(batchOf('e'.repeat(HUGE))));
  await watch.world.run(Promise.all(stored));
  expect(await watch.world.values()).toEqual(['d', 'e'.repeat(HUGE)]);
});

it('lays a commit out anew when the checkpoint it has to carry leaves no room for all that is laid out', async () => {
  const settings = { maxCommitBytes: 2048, maxProducers: 4, checkpointEvery: 8 };
  const { world, writer } = await watched(everyWriteTakes(100), settings);
  const values = Array.from({ length: 8 }, (_, index) => `${index}`);
  const append = (value: string) => writer.append(batchOf(value, by(producerA, values.indexOf(value))));
  for (const value of values.slice(0, 7)) await world.run(append(value));
  const last = append('7');
  await world.runtime.advance(50);
  const full = ['x', 'y'].map((letter) => letter.repeat(850));
  await world.run(Promise.all([last, ...full.map((value) => writer.append(batchOf(value)))]));
  expect((await world.stored()).slice(7).map((commit) => commit.values)).toEqual([
    ['7'],
    [full[0]],
    [full[1]],
  ]);
});
