import { encodeBatch } from '@message-vault/framing';
import { type FaultPlan, faultyStorage, type PageStore } from '@message-vault/storage';
import { expect, it } from 'vitest';
import { openWriter, type StreamWriter } from '../src/index.ts';
import { onCall, TestLeadership, WriterWorld } from './support/writer-world.ts';

interface Watched {
  readonly world: WriterWorld;
  readonly writer: StreamWriter;
  /** The memory each commit was written from. */
  readonly written: ArrayBufferLike[];
}

async function watched(faults: FaultPlan = () => undefined): Promise<Watched> {
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
  const writer = await world.run(openWriter({ pages, runtime, stream, leadership: new TestLeadership(1) }));
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
