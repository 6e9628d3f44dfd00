import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodeOffset } from '@message-vault/framing';
import { systemRuntime } from '@message-vault/runtime';
import type { PageStore } from '@message-vault/storage';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkCache, openReader, type StreamReader } from '../src/index.ts';
import { endlessPages } from './support/endless-pages.ts';
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
