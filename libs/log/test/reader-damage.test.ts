import { BATCH_HEADER_BYTES, encodeOffset, MAX_COMMIT_BYTES, PAGE_BYTES } from '@message-vault/framing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { iterateMessages, type StoredCommit } from '../src/index.ts';
import { failure, ReaderWorld } from './support/reader-world.ts';

const MIB = 1024 * 1024;
const HEADER_BYTE = 60;
const BODY_BYTE = 300;

describe('what is not there yet', () => {
  test('a commit of which only some pages are written is not there, and comes whole', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const reader = world.reader();
    const commit = world.log.next({ valueBytes: 5000 });
    for (let pages = 1; pages < commit.pages; pages += 1) {
      await world.log.put(commit.page, commit.bytes.subarray(0, pages * PAGE_BYTES));
      expect(await world.run(world.values(reader))).toEqual(world.expected());
    }
    await world.log.put(commit.page, commit.bytes);
    world.log.accept(commit);
    expect(await world.run(world.values(reader))).toHaveLength(2);
  });

  test('pages written without the first one are not there yet', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const commit = world.log.next({ valueBytes: 5000 });
    await world.log.put(commit.page + 1, commit.bytes.subarray(PAGE_BYTES));
    expect(await world.run(world.values(world.reader()))).toEqual(world.expected());
  });

  test.each([
    ['header', HEADER_BYTE],
    ['body', BODY_BYTE],
  ])('a bad %s at the tail is not there yet, for reads and for those who wait', async (_where, byte) => {
    const world = new ReaderWorld();
    await world.log.append();
    const commit = await world.log.append({ valueBytes: 2000 });
    await world.log.flip(commit.page, byte);
    const reader = world.reader();
    const { commits, nextOffset, upToDate } = await world.run(reader.read({ from: 0, maxBytes: MIB }));
    expect(commits.map(({ header }) => header.number)).toEqual([0]);
    expect(upToDate).toBe(true);
    expect(await world.run(reader.waitForGrowth(nextOffset, { timeoutMs: 3000 }))).toBe(false);
    await world.log.flip(commit.page, byte);
    expect(await world.run(reader.waitForGrowth(nextOffset, { timeoutMs: 3000 }))).toBe(true);
  });

  test('a torn commit that a new leader cleared and wrote over is never seen, the new one is', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const reader = world.reader();
    const torn = world.log.next({ valueBytes: 9000 });
    await world.log.put(torn.page, torn.bytes.subarray(0, 6 * PAGE_BYTES));
    expect(await world.run(world.values(reader))).toEqual(world.expected());
    await world.log.clear(torn.page, 6);
    await world.log.append({ batches: [2] });
    expect(await world.run(world.values(reader))).toEqual(world.expected());
  });

  test('a good commit that does not follow from the one before it is not taken for the next', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const stranger = new ReaderWorld();
    await stranger.log.append({ batches: [2] });
    const wrong = stranger.log.next();
    await world.log.put(wrong.page, wrong.bytes);
    expect(await world.run(world.values(world.reader()))).toEqual(world.expected());
  });

  test('a bad commit that turns out to have been in the middle of being written is read once it is whole', async () => {
    // The reader sees the commit half written; by the time it looks for something after it, both are there.
    const world = new ReaderWorld({ delayMs: () => 5 });
    await world.log.append();
    const reader = world.reader();
    await world.run(world.values(reader));
    const commit = world.log.next({ valueBytes: 3000 });
    const half = commit.bytes.slice();
    half.fill(0, 2 * PAGE_BYTES);
    await world.log.put(commit.page, half);
    const read = reader.read({ from: encodeOffset(commit.page, 0), maxBytes: MIB });
    await world.runtime.advance(7);
    await world.log.put(commit.page, commit.bytes);
    world.log.accept(commit);
    await world.log.append();
    expect((await world.run(read)).commits.map(({ header }) => header.number)).toEqual([1, 2]);
  });

  test('a torn commit that gave way to a longer one while it was being looked at is no damage', async () => {
    // As above, but by the second look a new leader has cleared the place and written a longer commit there.
    const world = new ReaderWorld({ delayMs: () => 5 });
    await world.log.append();
    const reader = world.reader();
    await world.run(world.values(reader));
    const torn = world.log.next({ valueBytes: 700 });
    await world.log.put(torn.page, torn.bytes.subarray(0, PAGE_BYTES));
    const read = reader.read({ from: encodeOffset(torn.page, 0), maxBytes: MIB });
    await world.runtime.advance(7);
    await world.log.clear(torn.page, torn.pages);
    const longer = await world.log.append({ valueBytes: 3000, seals: true });
    await world.log.append();
    expect(longer.pages).toBeGreaterThan(torn.pages);
    expect((await world.run(read)).commits.map(({ header }) => header.number)).toEqual([1, 2]);
  });

  test('what looks like a commit inside the body of one being written is no sign that it is damaged', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const forger = new ReaderWorld();
    await forger.log.append();
    const outer = await forger.log.append({ valueBytes: 2000 });
    forger.log.page = outer.page + 2;
    const forged = forger.log.next();
    expect(forged.skips[0]).toBe(outer.page);
    const { bytes } = world.log.around(forged.bytes, forged.page);
    // All but the last page has arrived.
    await world.log.put(outer.page, bytes.subarray(0, bytes.byteLength - PAGE_BYTES));
    const reader = world.reader();
    expect(await world.run(world.values(reader))).toEqual(world.expected());
    await world.log.put(outer.page, bytes);
    expect(await world.run(world.values(reader))).toHaveLength(2);
  });
});

describe('what is damaged', () => {
  test.each([
    ['header', HEADER_BYTE],
    ['body', BODY_BYTE],
    ['magic', 0],
  ])('a bad %s with a commit after it is damage, at its offset', async (_where, byte) => {
    for (const index of [0, 3, 8]) {
      const world = new ReaderWorld();
      await world.log.appendMany(10, { valueBytes: 2000 });
      const page = world.log.commits[index]?.page ?? 0;
      await world.log.flip(page, byte);
      const read = world.values(world.reader());
      expect(await world.run(failure(read))).toEqual({
        code: 'damaged',
        details: { offset: encodeOffset(page, 0) },
      });
    }
  });

  test('what lies before the damage is delivered first', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(10);
    const page = world.log.commits[6]?.page ?? 0;
    await world.log.flip(page, BODY_BYTE);
    const reader = world.reader();
    const { commits, nextOffset } = await world.run(reader.read({ from: 0, maxBytes: MIB }));
    expect(commits).toHaveLength(6);
    expect(nextOffset).toBe(encodeOffset(page, 0));
    expect(await world.run(failure(reader.read({ from: nextOffset, maxBytes: MIB })))).toMatchObject({
      code: 'damaged',
    });
  });

  test('what lies after the damage can be read', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(40, { valueBytes: 900_000 });
    await world.log.flip(world.log.commits[20]?.page ?? 0, BODY_BYTE);
    const reader = world.reader();
    const [, after] = [20, 21].map((index) => world.log.commits[index]);
    await world.run(reader.resolve({ at: 'latest' }));
    const read = await world.run(reader.read({ from: encodeOffset(after?.page ?? 0, 0), maxBytes: MIB }));
    expect(read.commits.map(({ header }) => header.number)).toEqual([21]);
  });

  test('the last commit of a segment is damaged when it is bad and the next segment is there', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const last = await world.log.append({ seals: true });
    await world.log.createSegment();
    await world.log.flip(last.page, BODY_BYTE);
    expect(await world.run(failure(world.values(world.reader())))).toEqual({
      code: 'damaged',
      details: { offset: encodeOffset(last.page, 0) },
    });
  });

  test('pages that were cleared in the middle are damage, not the tail, once the tail is known', async () => {
    const world = new ReaderWorld({ cacheBytes: 1 });
    await world.log.appendMany(10);
    const reader = world.reader();
    await world.run(world.values(reader));
    const gone = world.log.commits[4];
    await world.log.clear(gone?.page ?? 0, 1);
    expect(await world.run(failure(world.values(reader)))).toMatchObject({
      code: 'damaged',
      details: { offset: encodeOffset(gone?.page ?? 0, 0) },
    });
  });

  test('a missing segment between others is damage', async () => {
    const world = new ReaderWorld();
    for (let i = 0; i < 30; i += 1) await world.log.append({ seals: i % 10 === 9 });
    const middle = world.log.commits[10];
    await world.run(
      world.storage.pages.deleteSegment({
        container: world.log.stream.container,
        segment: String(middle?.segment).padStart(16, '0'),
      }),
    );
    // As the listing has it, the segment before it reaches up to the one after it: there is nothing where it should go on.
    expect(await world.run(failure(world.values(world.reader())))).toMatchObject({
      code: 'damaged',
      details: { offset: encodeOffset(middle?.page ?? 0, 0) },
    });
  });

  test('those who wait hear of damage instead of waiting for ever', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const reader = world.reader();
    const waiting = failure(reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 }));
    await world.runtime.advance(100);
    const bad = world.log.next({ valueBytes: 1000 });
    const bytes = bad.bytes.slice();
    bytes[BODY_BYTE] = (bytes[BODY_BYTE] ?? 0) ^ 1;
    await world.log.put(bad.page, bytes);
    world.log.accept(bad);
    await world.log.append();
    expect(await world.run(waiting)).toEqual({
      code: 'damaged',
      details: { offset: encodeOffset(bad.page, 0) },
    });
  });

  test('a seek that needs a damaged header says where it is', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(70);
    const page = world.log.commits[0]?.page ?? 0;
    const reader = world.reader();
    await world.run(reader.resolve({ at: 'latest' }));
    await world.log.flip(page, HEADER_BYTE);
    const cold = world.reader();
    expect(await world.run(failure(cold.resolve({ sequenceNumber: 30 })))).toMatchObject({ code: 'damaged' });
  });

  test('whatever bit of a log is flipped, readers deliver what was written or say where the damage is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ valueBytes: fc.constantFrom(8, 700, 4000), seals: fc.boolean() }), {
          minLength: 2,
          maxLength: 25,
        }),
        fc.nat(),
        fc.nat(),
        async (specs, pickPage, pickByte) => {
          const world = new ReaderWorld();
          for (const { valueBytes, seals } of specs)
            await world.log.append({ valueBytes, seals: seals && valueBytes === 8 });
          const page = pickPage % world.log.page;
          await world.log.flip(page, pickByte % PAGE_BYTES);
          const hit = world.log.commits.findIndex((commit) => page < commit.page + commit.pages);
          const reader = world.reader();
          const numbers: number[] = [];
          let code: unknown;
          try {
            for (let next = 0; ; ) {
              const read = await world.run(reader.read({ from: next, maxBytes: MIB }));
              numbers.push(...read.commits.map(({ header }) => header.number));
              next = read.nextOffset;
              if (read.upToDate) break;
            }
          } catch (error) {
            code = error instanceof Error && 'code' in error ? error.code : error;
          }
          expect(numbers).toEqual(Array.from({ length: hit }, (_, number) => number));
          // A magic that reads as zeros is the one flip that could look like a tail; it takes more than one bit for that.
          expect(code).toBe(hit < specs.length - 1 ? 'damaged' : undefined);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('batches that cannot be opened', () => {
  test('a batch that is not one, in a good commit, is damage at the offset of its first message', async () => {
    const world = new ReaderWorld();
    const commit = await world.log.append({ batches: [2, 3, 1] });
    const { commits } = await world.run(world.reader().read({ from: 0, maxBytes: MIB }));
    const [good] = commits;
    if (good === undefined) throw new Error('a commit was read');
    const bad: StoredCommit = {
      ...good,
      batches: good.batches.map((batch, index) => (index === 1 ? broken(batch) : batch)),
    };
    const seen: number[] = [];
    const answer = failure(
      (async () => {
        for (const { sequenceNumber } of iterateMessages([bad])) seen.push(sequenceNumber);
      })(),
    );
    expect(await answer).toEqual({ code: 'damaged', details: { offset: encodeOffset(commit.page, 2) } });
    expect(seen).toEqual([0, 1]);
    // Nobody opens a batch that lies before what was asked for.
    const after = [...iterateMessages([bad], encodeOffset(commit.page, 5))];
    expect(after.map(({ sequenceNumber }) => sequenceNumber)).toEqual([5]);
  });

  function broken(batch: Uint8Array): Uint8Array {
    const bytes = batch.slice();
    // The length of its first record.
    bytes[BATCH_HEADER_BYTES] = 0;
    return bytes;
  }
});

test('the largest commit there can be is read', async () => {
  const world = new ReaderWorld();
  await world.log.append();
  const largest = await world.log.append({ batches: [1, 1], valueBytes: MAX_COMMIT_BYTES / 2 - 256 });
  expect(largest.bytes.byteLength).toBe(MAX_COMMIT_BYTES);
  await world.log.append();
  const reader = world.reader();
  for (const from of [0, encodeOffset(largest.page, 0)]) {
    expect((await world.run(world.values(reader, from))).at(-1)).toBe(world.expected().at(-1));
  }
});
