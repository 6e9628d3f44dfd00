import { encodeOffset } from '@message-vault/framing';
import { type PageStore, StorageError } from '@message-vault/storage';
import { describe, expect, test } from 'vitest';
import { iterateMessages, segmentRef } from '../src/index.ts';
import { failure, ReaderWorld } from './support/reader-world.ts';

const MIB = 1024 * 1024;

describe('reading a stream', () => {
  test('a stream without a container reads as empty, and its tail is offset 0', async () => {
    const world = new ReaderWorld();
    const reader = world.reader();
    expect(await world.run(reader.read({ from: 0, maxBytes: MIB }))).toMatchObject({
      commits: [],
      nextOffset: 0,
      upToDate: true,
    });
    expect(await world.run(reader.resolve({ at: 'latest' }))).toBe(0);
    expect(await world.run(reader.bounds())).toEqual({
      earliestOffset: 0,
      earliestSequenceNumber: 0,
      nextOffset: 0,
      nextSequenceNumber: 0,
      firstTimestamp: undefined,
      lastTimestamp: undefined,
      bytes: 0,
    });
  });

  test('a segment that was created and not written to yet reads as empty', async () => {
    const world = new ReaderWorld();
    await world.log.createSegment();
    expect(await world.run(world.values(world.reader()))).toEqual([]);
  });

  test('all messages come in order, across batches, commits and segments', async () => {
    const world = new ReaderWorld();
    for (let i = 0; i < 40; i += 1) {
      await world.log.append({ batches: [1 + (i % 3), 2], seals: i % 7 === 6 });
    }
    expect(await world.run(world.values(world.reader()))).toEqual(world.expected());
  });

  test('a commit without messages is passed over', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    await world.log.append({ batches: [] });
    await world.log.append();
    const reader = world.reader();
    expect(await world.run(world.values(reader))).toEqual(world.expected());
    const empty = world.log.commits[1]?.page ?? 0;
    expect(await world.run(world.values(reader, encodeOffset(empty, 0)))).toEqual(world.expected(1));
  });

  test('a read answers at least one commit, however small maxBytes is, and no more than maxBytes otherwise', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(10, { valueBytes: 2000 });
    const reader = world.reader();
    const one = await world.run(reader.read({ from: 0, maxBytes: 1 }));
    expect(one.commits).toHaveLength(1);
    expect(one.upToDate).toBe(false);
    const commitBytes = one.commits[0]?.header.byteLength ?? 0;
    const three = await world.run(reader.read({ from: one.nextOffset, maxBytes: 3 * commitBytes + 511 }));
    expect(three.commits.map(({ header }) => header.number)).toEqual([1, 2, 3]);
    const two = await world.run(reader.read({ from: one.nextOffset, maxBytes: 3 * commitBytes - 1 }));
    expect(two.commits.map(({ header }) => header.number)).toEqual([1, 2]);
  });

  test('the same range read twice is the same answer, whatever is in memory by then', async () => {
    const world = new ReaderWorld({ cacheBytes: 9 * MIB });
    await world.log.appendMany(30, { valueBytes: 700_000 });
    const reader = world.reader();
    const from = encodeOffset(world.log.commits[3]?.page ?? 0, 0);
    const shape = async () => {
      const read = await world.run(reader.read({ from, maxBytes: 5 * MIB }));
      return { numbers: read.commits.map(({ header }) => header.number), next: read.nextOffset };
    };
    const cold = await shape();
    await world.run(world.values(reader));
    expect(await shape()).toEqual(cold);
    expect(cold.numbers).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });

  test('an offset inside a commit begins with that message', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const commit = await world.log.append({ batches: [3, 4, 2] });
    await world.log.append();
    const reader = world.reader();
    for (let index = 0; index < 9; index += 1) {
      const from = encodeOffset(commit.page, index);
      expect(await world.run(world.values(reader, from))).toEqual(world.expected(1 + index));
    }
  });

  test("one past a commit's last message is the first of the next commit, also at the tail and across a roll", async () => {
    const world = new ReaderWorld();
    const first = await world.log.append({ batches: [2], seals: true });
    const last = await world.log.append({ batches: [3] });
    const reader = world.reader();
    expect(await world.run(reader.resolve({ offset: encodeOffset(first.page, 2) }))).toBe(
      encodeOffset(last.page, 0),
    );
    expect(await world.run(world.values(reader, encodeOffset(first.page, 2)))).toEqual(world.expected(2));
    const atTail = await world.run(reader.read({ from: encodeOffset(last.page, 3), maxBytes: MIB }));
    expect(atTail).toMatchObject({
      commits: [],
      nextOffset: encodeOffset(last.page + last.pages, 0),
      upToDate: true,
    });
  });

  test('messages carry offset, sequence number, timestamp and id', async () => {
    const world = new ReaderWorld();
    await world.log.append({ batches: [1, 1] });
    const commit = await world.log.append({ batches: [2] });
    const { commits } = await world.run(world.reader().read({ from: 0, maxBytes: MIB }));
    const last = [...iterateMessages(commits, encodeOffset(commit.page, 1))];
    expect(last).toMatchObject([
      {
        offset: encodeOffset(commit.page, 1),
        sequenceNumber: 3,
        timestamp: commit.timestamp,
        kind: 'text',
        headers: [],
      },
    ]);
    expect(last[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('what was stored before a read is seen by it, although the tail was known from before', async () => {
    const world = new ReaderWorld();
    const reader = world.reader();
    for (let i = 0; i < 5; i += 1) {
      await world.log.append();
      expect(await world.run(world.values(reader))).toEqual(world.expected());
    }
  });

  test('a read does not share a look at the tail that began before it: what was stored in between is seen', async () => {
    const world = new ReaderWorld({ delayMs: () => 10 });
    await world.log.append();
    const reader = world.reader();
    await world.run(world.values(reader));
    const tail = encodeOffset(world.log.page, 0);
    const before = reader.read({ from: tail, maxBytes: MIB });
    // Storage has answered the first look by now, and the answer is on its way.
    await world.runtime.advance(15);
    await world.log.append();
    const after = reader.read({ from: tail, maxBytes: MIB });
    expect((await world.run(before)).commits).toHaveLength(0);
    expect((await world.run(after)).commits).toHaveLength(1);
  });

  test('a segment that is listed and never found is a storage that does not work, not a reason to ask for ever', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const pages: PageStore = {
      ...world.storage.pages,
      readRange: () => Promise.reject(new StorageError('not_found', 'no such segment')),
    };
    expect(await world.run(failure(world.reader({ pages }).read({ from: 0, maxBytes: MIB })))).toMatchObject({
      code: 'storage_unavailable',
    });
  });

  test('a reader far behind finds the tail of a large segment without reading what lies between', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(60, { valueBytes: 900_000 });
    const reader = world.reader();
    const latest = await world.run(reader.resolve({ at: 'latest' }));
    expect(latest).toBe(encodeOffset(world.log.page, 0));
    expect(world.counted.counts.readBytes).toBeLessThan(16 * MIB);
  });

  test('with a hint the tail of a large segment is found without searching', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(60, { valueBytes: 900_000 });
    const reader = world.reader();
    reader.hint(world.log.page);
    expect(await world.run(reader.resolve({ at: 'latest' }))).toBe(encodeOffset(world.log.page, 0));
    expect(world.counted.counts.ranges).toBe(1);
  });

  test.each([Number.NaN, -5, 2 ** 60, 10_000_000])('a hint that lies (%d) changes nothing', async (lie) => {
    const world = new ReaderWorld();
    await world.log.appendMany(20);
    const reader = world.reader();
    reader.hint(lie);
    expect(await world.run(world.values(reader))).toEqual(world.expected());
    reader.hint(lie);
    await world.log.append();
    expect(await world.run(world.values(reader))).toEqual(world.expected());
  });
});

describe('offsets that are none', () => {
  test('an offset beyond the tail is out of range, and the answer says what there is', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(3);
    const nextOffset = encodeOffset(world.log.page, 0);
    for (const offset of [nextOffset + 1, encodeOffset(world.log.page + 7, 0), Number.MAX_SAFE_INTEGER]) {
      expect(await world.run(failure(world.reader().read({ from: offset, maxBytes: MIB })))).toEqual({
        code: 'offset_out_of_range',
        details: { offset, earliestOffset: 0, nextOffset },
      });
    }
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is no offset', async (offset) => {
    const world = new ReaderWorld();
    await world.log.append();
    expect(await world.run(failure(world.reader().read({ from: offset, maxBytes: MIB })))).toMatchObject({
      code: 'offset_out_of_range',
    });
  });

  test('a page within a commit and an index past its messages are out of range', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    const large = await world.log.append({ batches: [2], valueBytes: 3000 });
    await world.log.append();
    const reader = world.reader();
    for (const offset of [encodeOffset(large.page + 1, 0), encodeOffset(large.page, 3)]) {
      expect(await world.run(failure(reader.resolve({ offset })))).toMatchObject({
        code: 'offset_out_of_range',
      });
    }
  });

  test('bytes that only look like a commit, hidden in a message, are not read as one', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    // A commit that is good in every byte for the page it will lie at, inside another one's value.
    const forger = new ReaderWorld();
    forger.log.page = world.log.page + 2;
    const forged = forger.log.next({ batches: [1] });
    const outer = world.log.around(forged.bytes, forged.page);
    await world.log.put(outer.page, outer.bytes);
    world.log.accept(outer);
    await world.log.appendMany(3);
    const offset = encodeOffset(forged.page, 0);
    for (const reader of [
      world.reader(),
      world.reader({ settings: { firstReadBytes: 512, chunkBytes: 1024 } }),
    ]) {
      expect(await world.run(failure(reader.read({ from: offset, maxBytes: MIB })))).toMatchObject({
        code: 'offset_out_of_range',
      });
    }
  });
});

describe('retention while reading', () => {
  test('an offset before the earliest segment is out of range, also for a reader that knew it before', async () => {
    const world = new ReaderWorld();
    for (let i = 0; i < 30; i += 1) await world.log.append({ seals: i % 10 === 9 });
    const reader = world.reader({ cache: world.cache });
    const first = await world.run(reader.read({ from: 0, maxBytes: 512 }));
    expect(first.commits).toHaveLength(1);
    await world.storage.pages.deleteSegment(segmentRef(world.log.stream, 0));
    const earliest = world.log.commits[10];
    const answer = await world.run(failure(world.reader().read({ from: first.nextOffset, maxBytes: MIB })));
    expect(answer).toEqual({
      code: 'offset_out_of_range',
      details: {
        offset: first.nextOffset,
        earliestOffset: encodeOffset(earliest?.page ?? 0, 0),
        nextOffset: encodeOffset(world.log.page, 0),
      },
    });
  });

  test('a reader whose segment vanishes under it finds out from storage', async () => {
    const world = new ReaderWorld({ cacheBytes: 1 });
    for (let i = 0; i < 30; i += 1) await world.log.append({ seals: i % 10 === 9 });
    const reader = world.reader();
    const first = await world.run(reader.read({ from: 0, maxBytes: 1 }));
    await world.storage.pages.deleteSegment(segmentRef(world.log.stream, 0));
    expect(await world.run(failure(reader.read({ from: first.nextOffset, maxBytes: 1 })))).toMatchObject({
      code: 'offset_out_of_range',
      details: { earliestOffset: encodeOffset(world.log.commits[10]?.page ?? 0, 0) },
    });
    expect(await world.run(world.values(reader, encodeOffset(world.log.commits[10]?.page ?? 0, 0)))).toEqual(
      world.expected(10),
    );
  });

  test('earliest moves up with retention', async () => {
    const world = new ReaderWorld();
    for (let i = 0; i < 20; i += 1) await world.log.append({ seals: i === 9 });
    const reader = world.reader();
    expect(await world.run(reader.resolve({ at: 'earliest' }))).toBe(0);
    await world.storage.pages.deleteSegment(segmentRef(world.log.stream, 0));
    await world.runtime.advance(2000);
    const earliestOffset = encodeOffset(world.log.commits[10]?.page ?? 0, 0);
    expect(await world.run(reader.resolve({ at: 'earliest' }))).toBe(earliestOffset);
    expect(await world.run(reader.bounds())).toMatchObject({ earliestOffset, earliestSequenceNumber: 10 });
  });

  test('a reader that slept while retention passed its whole known stream goes on at the new end', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(5);
    const reader = world.reader();
    await world.run(world.values(reader));
    const known = encodeOffset(world.log.page, 0);
    for (let i = 0; i < 30; i += 1) await world.log.append({ seals: i % 10 === 9 });
    for (const { segment } of world.log.commits.slice(0, 25)) {
      await world.storage.pages.deleteSegment(segmentRef(world.log.stream, segment));
    }
    expect(await world.run(failure(reader.read({ from: known, maxBytes: MIB })))).toMatchObject({
      code: 'offset_out_of_range',
    });
    expect(await world.run(reader.resolve({ at: 'latest' }))).toBe(encodeOffset(world.log.page, 0));
  });
});
