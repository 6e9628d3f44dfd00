import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  encodeBatch,
  encodeCommit,
  encodeOffset,
  PAGE_BYTES,
  type SkipSource,
  skipsAfter,
} from '@message-vault/framing';
import { systemRuntime } from '@message-vault/runtime';
import type { PageStore } from '@message-vault/storage';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkCache, openReader, type StreamReader } from '../src/index.ts';
import { LogBuilder, ReaderWorld, STREAM } from './support/reader-world.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function entry(bytes: number, evicted: string[] = [], name = ''): { bytes: number; evict(): void } {
  return { bytes, evict: () => void evicted.push(name) };
}

describe('the cache', () => {
  test('lets go of what was not used for longest, as soon as there is more than it may hold', () => {
    const cache = new ChunkCache({ maxBytes: 100 });
    const evicted: string[] = [];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => entry(40, evicted, name));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three entries were made');
    cache.put(a);
    cache.put(b);
    cache.touch(a);
    cache.put(c);
    expect(evicted).toEqual(['b']);
    expect(cache.stats).toEqual({ keptBytes: 80, loadingBytes: 0, entries: 2, evictions: 1 });
    cache.remove(a);
    expect(cache.stats.keptBytes).toBe(40);
    expect(evicted).toEqual(['b']);
  });

  test('what is larger than all its room is let go of at once', () => {
    const cache = new ChunkCache({ maxBytes: 100 });
    const evicted: string[] = [];
    cache.put(entry(101, evicted, 'large'));
    expect(evicted).toEqual(['large']);
    expect(cache.stats.keptBytes).toBe(0);
  });

  test('an entry that has grown makes others go', () => {
    const cache = new ChunkCache({ maxBytes: 100 });
    const evicted: string[] = [];
    const growing = { bytes: 10, evict: () => void evicted.push('growing') };
    cache.put(growing);
    cache.put(entry(80, evicted, 'other'));
    growing.bytes = 60;
    cache.touch(growing);
    expect(evicted).toEqual(['other']);
    expect(cache.stats.keptBytes).toBe(60);
  });

  test('reads on the way take the place of what is kept, and at most half the room; the others wait their turn', async () => {
    const cache = new ChunkCache({ maxBytes: 100 });
    const evicted: string[] = [];
    cache.put(entry(90, evicted, 'old'));
    const first = await cache.permit(30);
    expect(evicted).toEqual(['old']);
    const order: number[] = [];
    const next = async (bytes: number, name: number) => {
      const permit = await cache.permit(bytes);
      order.push(name);
      return permit;
    };
    const second = next(30, 2);
    const third = next(10, 3);
    expect(cache.tryPermit(30)).toBeUndefined();
    await Promise.resolve();
    expect(order).toEqual([]);
    first.release();
    (await second).release();
    (await third).release();
    expect(order).toEqual([2, 3]);
    expect(cache.stats.loadingBytes).toBe(0);
  });

  test('a single read larger than all its room is let through, alone', async () => {
    const cache = new ChunkCache({ maxBytes: 100 });
    const large = await cache.permit(1000);
    expect(cache.tryPermit(1)).toBeUndefined();
    large.release();
    expect(cache.tryPermit(1)).toBeDefined();
  });

  test('never holds more than its bound, whatever many readers of several streams do, and all they read is right', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.constantFrom(1, 20 * KIB, 200 * KIB, 2 * MIB),
        async (seed, cacheBytes) => {
          const world = new ReaderWorld({
            seed,
            delayMs: (inner) => inner.runtime.rng.below(20),
            cacheBytes,
          });
          const { rng } = world.runtime;
          const chunkBytes = 16 * KIB;
          const streams = ['mv-one', 'mv-two', 'mv-three'].map((container, index) => ({
            ...STREAM,
            container,
            streamId: STREAM.streamId.replace(/^./, String(index)),
          }));
          const logs: LogBuilder[] = [];
          for (const stream of streams) {
            const log = new LogBuilder(world.storage.pages, { stream });
            for (let i = 0; i < 60; i += 1) {
              await log.append({
                valueBytes: 8 + rng.below(6000),
                batches: [1 + rng.below(2)],
                seals: rng.chance(0.1),
              });
            }
            logs.push(log);
          }
          let mostBytes = 0;
          const settings = { chunkBytes, firstReadBytes: 4 * KIB };
          const consume = async (log: LogBuilder, reader: StreamReader): Promise<void> => {
            const start = rng.below(log.commits.length);
            const numbers: number[] = [];
            for (let next = encodeOffset(log.commits[start]?.page ?? 0, 0); ; ) {
              const read = await reader.read({ from: next, maxBytes: 1 + rng.below(20 * KIB) });
              numbers.push(...read.commits.map(({ header }) => header.number));
              const { keptBytes, loadingBytes } = world.cache.stats;
              // One read larger than the whole cache is let through alone.
              mostBytes = Math.max(mostBytes, keptBytes + (loadingBytes <= chunkBytes ? 0 : loadingBytes));
              next = read.nextOffset;
              if (read.upToDate) break;
            }
            expect(numbers).toEqual(Array.from({ length: log.commits.length - start }, (_, i) => start + i));
          };
          const work = logs.flatMap((log) => {
            const reader = openReader({
              pages: world.counted.pages,
              runtime: world.runtime,
              stream: log.stream,
              cache: world.cache,
              settings,
            });
            return Array.from({ length: 5 }, () => consume(log, reader));
          });
          await world.run(Promise.all(work));
          expect(mostBytes).toBeLessThanOrEqual(cacheBytes);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('replaying', () => {
  const FINDING_THE_END_BYTES = 13 * MIB;
  // The default sizes divided by 16: what matters is how they relate.
  const CHUNK = 256 * KIB;
  const settings = { chunkBytes: CHUNK, firstReadBytes: 16 * KIB };

  /** A log of `count` commits of about `bytes` each. */
  async function logOf(count: number, bytes: number, delayMs?: () => number): Promise<ReaderWorld> {
    const world = new ReaderWorld({
      ...(delayMs && { delayMs }),
      cacheBytes: 64 * MIB,
      segmentBytes: 256 * MIB,
    });
    for (let i = 0; i < count; i += 1) await world.log.append({ valueBytes: bytes, seals: i % 50 === 49 });
    return world;
  }

  async function replay(world: ReaderWorld, reader: StreamReader, eachStepMs = 0): Promise<number> {
    let commits = 0;
    for (let next = 0; ; ) {
      const read = await reader.read({ from: next, maxBytes: CHUNK / 4 });
      commits += read.commits.length;
      next = read.nextOffset;
      if (read.upToDate) return commits;
      if (eachStepMs > 0) await new Promise<void>((resolve) => world.runtime.setTimer(eachStepMs, resolve));
    }
  }

  test('reads every byte about once, in large pieces', async () => {
    const world = await logOf(400, 20 * KIB);
    const reader = world.reader({ settings });
    expect(await world.run(replay(world, reader))).toBe(400);
    const bytes = world.log.page * 512;
    console.info(`replay of ${bytes} bytes, ${CHUNK} at a time: ${JSON.stringify(world.counted.counts)}`);
    // Each of the eight segments ends within a piece.
    expect(world.counted.counts.reads).toBeLessThan(bytes / CHUNK + 8 + 16);
    expect(world.counted.counts.readBytes).toBeLessThan(bytes * 1.02 + 4 * CHUNK);
  });

  test('a hundred consumers that replay at once read what one does', async () => {
    const alone = await logOf(200, 6 * KIB);
    await alone.run(replay(alone, alone.reader({ settings })));
    const world = await logOf(200, 6 * KIB, () => 3);
    const reader = world.reader({ settings });
    await world.run(Promise.all(Array.from({ length: 100 }, () => replay(world, reader))));
    expect(world.counted.counts.readBytes).toBeLessThanOrEqual(alone.counted.counts.readBytes + CHUNK);
  });

  test('the next piece is on its way while the one before is being served', async () => {
    const readMs = 40;
    const world = new ReaderWorld({ delayMs: () => readMs / 2 });
    await world.log.appendMany(300, { valueBytes: 20 * KIB });
    const reader = world.reader({ settings });
    const before = world.runtime.monotonic();
    // Serving a piece takes as long as reading one: one after the other would take twice the time.
    await world.run(replay(world, reader, readMs / 4));
    const tookMs = world.runtime.monotonic() - before;
    expect(tookMs).toBeLessThan(world.counted.total() * readMs * 1.35);
  });

  test('a replay that takes pieces as fast as they come has two of them on their way', async () => {
    const readMs = 40;
    const world = new ReaderWorld({ delayMs: () => readMs / 2, cacheBytes: 64 * MIB });
    await world.log.appendMany(2000, { valueBytes: 20 * KIB });
    const before = world.runtime.monotonic();
    expect(await world.run(replay(world, world.reader({ settings })))).toBe(2000);
    const tookMs = world.runtime.monotonic() - before;
    expect(tookMs).toBeLessThan(world.counted.total() * readMs * 0.8);
  });

  test.each([
    { pieces: 4, replays: 1 },
    { pieces: 8, replays: 3 },
  ])(
    'in a cache of $pieces pieces, $replays replays one behind the other throw nothing away that they read ahead',
    async ({ pieces, replays }) => {
      const world = new ReaderWorld({
        delayMs: () => 5,
        cacheBytes: pieces * CHUNK,
        segmentBytes: 256 * MIB,
      });
      await world.log.appendMany(1000, { valueBytes: 20 * KIB });
      const reader = world.reader({ settings });
      const later = async (index: number): Promise<number> => {
        await new Promise<void>((resolve) => world.runtime.setTimer(1 + index * 300, resolve));
        return await replay(world, reader, 2);
      };
      const commits = await world.run(
        Promise.all(Array.from({ length: replays }, (_, index) => later(index))),
      );
      expect(commits).toEqual(commits.map(() => 1000));
      const bytes = world.log.page * 512;
      // What finding the end costs comes on top, once.
      expect(world.counted.counts.readBytes).toBeLessThan(replays * bytes * 1.08 + FINDING_THE_END_BYTES);
    },
  );

  test('somebody who wants a little does not wait for a large read', async () => {
    const world = await logOf(200, 6 * KIB);
    const reader = world.reader();
    await world.run(reader.resolve({ at: 'latest' }));
    world.counted.reset();
    const from = encodeOffset(world.log.commits[30]?.page ?? 0, 0);
    await world.run(reader.read({ from, maxBytes: KIB }));
    expect(world.counted.counts.readBytes).toBeLessThanOrEqual(256 * KIB + 16 * 4 * KIB);
  });

  test('what is answered does not keep large buffers alive through small views', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(3000, { valueBytes: 600 });
    const reader = world.reader();
    await world.run(replay(world, reader));
    for (const maxBytes of [1, 4 * KIB, 64 * KIB]) {
      const { commits } = await world.run(
        reader.read({ from: encodeOffset(world.log.commits[500]?.page ?? 0, 0), maxBytes }),
      );
      const bytes = commits.reduce((sum, commit) => sum + commit.bytes.byteLength, 0);
      const held = new Set(commits.map((commit) => commit.bytes.buffer));
      const heldBytes = [...held].reduce((sum, buffer) => sum + buffer.byteLength, 0);
      expect(heldBytes).toBeLessThanOrEqual(Math.max(64 * KIB, 4 * bytes));
      for (const commit of commits) {
        for (const batch of commit.batches) expect(batch.buffer).toBe(commit.bytes.buffer);
      }
    }
  });

  test('a commit found at the tail does not keep the read it was found with', async () => {
    const world = await logOf(1, 600);
    const reader = world.reader();
    await world.run(replay(world, reader));
    const { page } = await world.log.append({ valueBytes: 600 });
    const { commits } = await world.run(reader.read({ from: encodeOffset(page, 0), maxBytes: KIB }));
    expect(commits[0]?.bytes.buffer.byteLength).toBe(commits[0]?.bytes.byteLength);
  });

  test('a piece that arrives with a wrong byte is read again', async () => {
    const world = await logOf(300, 20 * KIB);
    const inner = world.storage.pages;
    const spoiled = new Set<string>();
    const pages: PageStore = {
      ...inner,
      readRange: async (ref, range, options) => {
        const read = await inner.readRange(ref, range, options);
        const place = `${ref.segment} ${range.offset}`;
        if (read.status !== 'read' || range.length < CHUNK / 2 || spoiled.has(place)) return read;
        spoiled.add(place);
        const at = world.runtime.rng.below(read.bytes.byteLength);
        read.bytes[at] = (read.bytes[at] ?? 0) ^ 1;
        return read;
      },
    };
    expect(await world.run(replay(world, world.reader({ pages, settings })))).toBe(300);
    expect(spoiled.size).toBeGreaterThan(10);
  });

  test('a piece read ahead that meets a commit still being written is read again, whole', async () => {
    // The end is known up to which nothing changes; here it is only known late, after the reads were made.
    const world = await logOf(30, 20 * KIB, () => 5);
    const reader = world.reader({ settings });
    const chasing = replay(world, reader);
    await world.runtime.advance(20);
    for (let i = 0; i < 30; i += 1) {
      await world.log.append({ valueBytes: 20 * KIB });
      await world.runtime.advance(3);
    }
    const first = await world.run(chasing);
    expect(first).toBeGreaterThanOrEqual(30);
    expect(await world.run(replay(world, reader))).toBe(60);
  });
});

test('what a replay holds on to stays within the bound of the cache, however much is read', async () => {
  const commitBytes = 3 * MIB;
  const count = 80;
  const cacheBytes = 16 * MIB;
  const world = new ReaderWorld();
  const inner = await endlessPages(world, commitBytes, count);
  const answered: WeakRef<ArrayBufferLike>[] = [];
  const pages: PageStore = {
    ...inner,
    readRange: async (ref, range, options) => {
      const read = await inner.readRange(ref, range, options);
      if (read.status === 'read') answered.push(new WeakRef(read.bytes.buffer));
      return read;
    },
  };
  const cache = new ChunkCache({ maxBytes: cacheBytes });
  const reader = openReader({ pages, runtime: systemRuntime, stream: STREAM, cache });
  let most = 0;
  let commits = 0;
  for (let next = 0; ; ) {
    const read = await reader.read({ from: next, maxBytes: MIB });
    commits += read.commits.length;
    next = read.nextOffset;
    if (commits % 8 === 0) most = Math.max(most, await heldBytes(answered));
    if (read.upToDate) break;
  }
  expect(commits).toBe(count);
  expect(answered.length).toBeGreaterThan(count / 2);
  // What is being answered counts besides.
  console.info(`held at most ${most} bytes of buffers`);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(cacheBytes + 2 * 4 * MIB);
});

/** Bytes of those buffers that something still holds on to. */
async function heldBytes(buffers: readonly WeakRef<ArrayBufferLike>[]): Promise<number> {
  // A reference that was followed stays alive until the turn of the event loop is over.
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return buffers.reduce((sum, buffer) => sum + (buffer.deref()?.byteLength ?? 0), 0);
}

/** A segment larger than memory should get: its commits are put together when they are read, all with the same body. */
async function endlessPages(world: ReaderWorld, commitBytes: number, count: number): Promise<PageStore> {
  const batch = encodeBatch({
    messages: [{ value: new Uint8Array(commitBytes - 400), kind: 'bytes', headers: [] }],
  });
  const firstPages: Uint8Array[] = [];
  let bytes = new Uint8Array();
  let previous: SkipSource | undefined;
  for (let number = 0; number < count; number += 1) {
    const place = { number, page: (number * commitBytes) / PAGE_BYTES, skips: skipsAfter(previous) };
    const rest = {
      epoch: 1,
      timestamp: 1,
      firstSequenceNumber: number,
      messageCount: 1,
      lastInSegment: false,
    };
    bytes = encodeCommit({ streamId: STREAM.streamId, ...place, ...rest, batches: [batch] });
    firstPages.push(bytes.slice(0, PAGE_BYTES));
    previous = place;
  }
  expect(bytes.byteLength).toBe(commitBytes);
  await world.log.createSegment();
  const total = count * commitBytes;
  return {
    ...world.storage.pages,
    readRange: async (_ref, { offset, length }) => {
      const read = new Uint8Array(length);
      for (
        let at = offset - (offset % commitBytes);
        at < Math.min(total, offset + length);
        at += commitBytes
      ) {
        const first = firstPages[at / commitBytes] ?? new Uint8Array();
        copyInto(read, bytes, at - offset);
        copyInto(read, first, at - offset);
      }
      return { status: 'read', bytes: read, etag: '"1"' };
    },
    writtenRanges: async (_ref, { offset, length }) => {
      const end = Math.min(offset + length, total);
      return end > offset ? [{ offset, length: end - offset }] : [];
    },
    segmentProperties: async () => ({ etag: '"1"', sizeBytes: 2 * total, epoch: 1, unchangedMs: 0 }),
  };
}

/** The part of `source` that falls into `target` when it begins at `at`. */
function copyInto(target: Uint8Array, source: Uint8Array, at: number): void {
  const part = source.subarray(
    Math.max(0, -at),
    Math.max(0, Math.min(source.byteLength, target.byteLength - at)),
  );
  target.set(part, Math.min(target.byteLength, Math.max(0, at)));
}
