import { encodeOffset, PAGE_BYTES } from '@message-vault/framing';
import { describe, expect, test } from 'vitest';
import { iterateMessages, type LandedCommit, type StreamReader, segmentRef } from '../src/index.ts';
import { type CommitSpec, ReaderWorld, type WrittenCommit } from './support/reader-world.ts';

/** A reader that has seen all of a stream of `messages` commits, and somebody who waits for the next. */
async function waiting(messages = 1) {
  const world = new ReaderWorld();
  await world.log.appendMany(messages);
  const reader = world.reader();
  await world.run(world.values(reader));
  const tail = encodeOffset(world.log.page, 0);
  const grown = reader.waitForGrowth(tail, { timeoutMs: 60_000 });
  // The first look of somebody who waits is over.
  await world.runtime.advance(1);
  world.counted.reset();
  return { world, reader, tail, grown };
}

function bring(reader: StreamReader, commit: Landed, change: Partial<LandedCommit> = {}): void {
  reader.hint(commit.page + commit.pages, { ...commit, ...change });
}

type Landed = WrittenCommit & LandedCommit;

/** Writes the next commit, as a leader that tells of it afterwards. */
async function land({ log, storage }: ReaderWorld, spec: CommitSpec = {}): Promise<Landed> {
  const ref = segmentRef(log.stream, log.segment);
  await log.createSegment();
  const { etag: versionBefore } = await storage.pages.segmentProperties(ref);
  const commit = await log.append(spec);
  return { ...commit, versionBefore, version: (await storage.pages.segmentProperties(ref)).etag };
}

/** What is known without another look at the tail. */
async function known(world: ReaderWorld, reader: StreamReader, from: number): Promise<string[]> {
  const { commits } = await world.run(reader.read({ from, maxBytes: 4 * 1024 * 1024, fresh: false }));
  return [...iterateMessages(commits, from)].map(({ value }) => new TextDecoder().decode(value));
}

describe('a commit that comes with the hint', () => {
  test('is given to who waits without a call to storage', async () => {
    const { world, reader, tail, grown } = await waiting();
    bring(reader, await land(world));
    expect(await world.run(grown)).toBe(true);
    expect(await known(world, reader, tail)).toEqual(world.expected(1));
    expect(world.counted.total()).toBe(0);
  });

  test('is followed by the next ones without a call, and by one look where a segment begins', async () => {
    const { world, reader, tail, grown } = await waiting();
    bring(reader, await land(world));
    await world.run(grown);
    const next = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
    const sealing = await land(world, { seals: true });
    bring(reader, sealing);
    expect(await world.run(next)).toBe(true);
    const lastInSegment = { from: encodeOffset(sealing.page, 0), maxBytes: 1024, fresh: false };
    expect(await world.run(reader.read(lastInSegment))).toMatchObject({ upToDate: false });
    expect(world.counted.total()).toBe(0);
    const inNext = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
    bring(reader, await land(world));
    expect(await world.run(inNext)).toBe(true);
    expect(world.counted.counts.reads).toBe(1);
    expect(await world.run(world.values(reader, tail))).toEqual(world.expected(1));
    expect(await world.run(world.values(world.reader()))).toEqual(world.expected());
  });

  test('is a copy: the memory it came in may be used again', async () => {
    const { world, reader, tail, grown } = await waiting();
    const commit = await land(world);
    const lent = commit.bytes.slice();
    bring(reader, commit, { bytes: lent });
    lent.fill(0xee);
    await world.run(grown);
    expect(await known(world, reader, tail)).toEqual(world.expected(1));
  });

  test('is a hint like any other where commits are missing before it', async () => {
    const { world, reader, tail, grown } = await waiting();
    await land(world);
    bring(reader, await land(world));
    expect(await world.run(grown)).toBe(true);
    expect(await known(world, reader, tail)).toEqual(world.expected(1));
    expect(world.counted.counts.reads).toBe(1);
  });

  test('changes nothing when it comes again, or late', async () => {
    const { world, reader, tail, grown } = await waiting();
    const first = await land(world);
    bring(reader, first);
    await world.run(grown);
    const next = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
    bring(reader, first);
    const second = await land(world);
    bring(reader, second);
    bring(reader, first);
    await world.run(next);
    expect(await world.run(world.values(reader, tail))).toEqual(world.expected(1));
  });

  test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['is damaged', (bytes) => bytes.map((byte, at) => (at === 200 ? byte ^ 1 : byte))],
    ['is cut off', (bytes) => bytes.subarray(0, bytes.byteLength - PAGE_BYTES)],
    ['is followed by something', (bytes) => Buffer.concat([bytes, new Uint8Array(PAGE_BYTES)])],
    ['is nothing at all', () => new Uint8Array(0)],
  ])('is read from storage when what came %s', async (_, change) => {
    const { world, reader, tail, grown } = await waiting();
    const commit = await land(world, { valueBytes: 700 });
    bring(reader, commit, { bytes: change(commit.bytes) });
    expect(await world.run(grown)).toBe(true);
    expect(await known(world, reader, tail)).toEqual(world.expected(1, 2, 700));
    expect(world.counted.counts.reads).toBe(1);
  });

  test('is not believed where it does not go on with what is known', async () => {
    const { world, reader, tail, grown } = await waiting();
    const other = new ReaderWorld().log;
    await other.append({ batches: [2] });
    const stranger = await other.append({ valueBytes: 9 });
    const commit = await land(world);
    expect(stranger.page).toBe(commit.page);
    bring(reader, commit, { bytes: stranger.bytes });
    expect(await world.run(grown)).toBe(true);
    expect(await known(world, reader, tail)).toEqual(world.expected(1));
  });

  test('is not believed where it was written to anything else than what was looked at', async () => {
    const { world, reader, tail, grown } = await waiting();
    const copy = new ReaderWorld();
    await copy.log.appendMany(1);
    const inCopy = await land(copy, { valueBytes: 9 });
    const commit = await land(world);
    expect(inCopy).toMatchObject({ page: commit.page, firstSequenceNumber: commit.firstSequenceNumber });
    bring(reader, inCopy, { versionBefore: '"of the copy"' });
    expect(await world.run(grown)).toBe(true);
    expect(await known(world, reader, tail)).toEqual(world.expected(1));
  });

  test('leaves nothing to be read by who looks after it', async () => {
    const { world, reader, grown } = await waiting();
    bring(reader, await land(world));
    await world.run(grown);
    const from = encodeOffset(world.log.page, 0);
    expect(await world.run(reader.read({ from, maxBytes: 1024 }))).toMatchObject({ upToDate: true });
    expect(world.counted.counts).toMatchObject({ reads: 1, notModified: 1 });
  });

  test('is given to who waits however large it is, and to who has just read up to it', async () => {
    const { world, reader, tail, grown } = await waiting();
    bring(reader, await land(world, { valueBytes: 900_000 }));
    expect(await world.run(grown)).toBe(true);
    await world.run(reader.read({ from: tail, maxBytes: 1, fresh: false }));
    // Nobody waits for the next one.
    bring(reader, await land(world, { valueBytes: 900_000 }));
    const values = await known(world, reader, tail);
    expect(values.map((value) => value.slice(-8))).toEqual(world.expected(1));
    expect(world.counted.total()).toBe(0);
  });

  test.each([false, true])(
    'is passed by, and not kept, when nobody wants it (closes its segment: %s)',
    async (seals) => {
      const { world, reader, tail, grown } = await waiting();
      bring(reader, await land(world));
      await world.run(grown);
      await world.runtime.advance(1500);
      const kept = world.cache.stats.keptBytes;
      const asked = world.counted.total();
      bring(reader, await land(world));
      bring(reader, await land(world, { seals }));
      expect(world.cache.stats.keptBytes).toBe(kept);
      const end = encodeOffset(world.log.page, 0);
      const { nextOffset } = await world.run(reader.read({ from: end, maxBytes: 1, fresh: false }));
      expect([nextOffset, world.counted.total()]).toEqual([end, asked]);
      if (seals) await land(world);
      expect(await world.run(world.values(reader))).toEqual(world.expected());
      expect(await world.run(world.values(reader, tail))).toEqual(world.expected(1));
    },
  );

  test('does not get between a look that is under way and what it finds', async () => {
    const world = new ReaderWorld({ delayMs: () => 5 });
    await world.log.appendMany(2);
    const reader = world.reader();
    await world.run(world.values(reader));
    const tail = encodeOffset(world.log.page, 0);
    const grown = reader.waitForGrowth(tail, { timeoutMs: 60_000 });
    const looking = reader.read({ from: tail, maxBytes: 1024 });
    await world.runtime.advance(2);
    bring(reader, await land(world));
    bring(reader, await land(world));
    await world.run(looking);
    expect(await world.run(grown)).toBe(true);
    expect(await world.run(world.values(reader, tail))).toEqual(world.expected(2));
  });

  test('leaves polling as rare as hints that can be relied on make it', async () => {
    const { world, reader, grown } = await waiting();
    bring(reader, await land(world));
    await world.run(grown);
    for (let i = 0; i < 10; i += 1) {
      const next = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
      await world.runtime.advance(20);
      bring(reader, await land(world));
      await world.run(next);
    }
    const last = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 600_000 });
    await world.runtime.advance(100);
    world.counted.reset();
    await world.runtime.advance(10_000);
    expect(world.counted.total()).toBeLessThanOrEqual(6);
    await land(world);
    expect(await world.run(last)).toBe(true);
  });
});
