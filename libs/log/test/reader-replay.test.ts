import { encodeOffset } from '@message-vault/framing';
import type { PageStore } from '@message-vault/storage';
import { describe, expect, test } from 'vitest';
import type { StreamReader } from '../src/index.ts';
import { ReaderWorld } from './support/reader-world.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

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
