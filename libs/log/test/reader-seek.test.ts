import { encodeOffset } from '@message-vault/framing';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Position, type StreamReader, segmentRef } from '../src/index.ts';
import { type CommitSpec, failure, ReaderWorld, type WrittenCommit } from './support/reader-world.ts';

/** Any log: batches of any size, commits without messages, equal and distant timestamps, rolls anywhere. */
const layouts = fc.array(
  fc.record({
    batches: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
    valueBytes: fc.constantFrom(1, 8, 600, 3000),
    laterMs: fc.constantFrom(0, 0, 1, 50),
    seals: fc.boolean(),
  }),
  { minLength: 1, maxLength: 150 },
);

async function written(specs: readonly CommitSpec[]): Promise<ReaderWorld> {
  const world = new ReaderWorld();
  for (const [index, spec] of specs.entries())
    await world.log.append({ ...spec, seals: spec.seals === true && index % 5 === 0 });
  return world;
}

/** Where a linear scan finds the first message `wanted` holds for; the tail when there is none. */
function scan(
  world: ReaderWorld,
  wanted: (message: { sequenceNumber: number; timestamp: number }) => boolean,
): number {
  for (const { page, messages, firstSequenceNumber, timestamp } of world.log.commits) {
    for (let index = 0; index < messages; index += 1) {
      if (wanted({ sequenceNumber: firstSequenceNumber + index, timestamp }))
        return encodeOffset(page, index);
    }
  }
  return encodeOffset(world.log.page, 0);
}

/** An offset and the one of the next message are the same place when there is no message between. */
async function place(world: ReaderWorld, offset: number): Promise<string | undefined> {
  return (await world.run(world.values(world.reader(), offset)))[0];
}

describe('seeking', () => {
  test('by sequence number, by time and from the back agrees with a linear scan, for any log', async () => {
    await fc.assert(
      fc.asyncProperty(
        layouts,
        fc.nat(),
        fc.integer({ min: -2, max: 5000 }),
        async (specs, pick, afterMs) => {
          const world = await written(specs);
          const reader = world.reader();
          const { commits, nextSequenceNumber: next } = world.log;
          const sequenceNumber = pick % (next + 1);
          expect(await world.run(reader.resolve({ sequenceNumber }))).toBe(
            scan(world, (message) => message.sequenceNumber === sequenceNumber),
          );
          expect(await world.run(reader.resolve({ last: next - sequenceNumber }))).toBe(
            scan(world, (message) => message.sequenceNumber === sequenceNumber),
          );
          const timestamp = (commits[0]?.timestamp ?? 0) + afterMs;
          const found = await world.run(reader.resolve({ timestamp }));
          const expected = scan(world, (message) => message.timestamp >= timestamp);
          expect(await place(world, found)).toBe(await place(world, expected));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('an offset leads to its message or is refused, for any log and any page and index', async () => {
    await fc.assert(
      fc.asyncProperty(layouts, fc.nat(), fc.nat({ max: 8 }), async (specs, pick, index) => {
        const world = await written(specs);
        const page = pick % (world.log.page + 2);
        const commit = world.log.commits.find((candidate) => candidate.page === page);
        const isTail = page === world.log.page && index === 0;
        const offset = encodeOffset(page, index);
        const answer = world.reader().resolve({ offset });
        if (commit !== undefined && index < commit.messages) expect(await world.run(answer)).toBe(offset);
        else if (commit !== undefined && index === commit.messages) {
          // Where a commit without messages is the start of its segment, its own offset is as good as the next one's.
          expect([offset, encodeOffset(page + commit.pages, 0)]).toContain(await world.run(answer));
        } else if (isTail) expect(await world.run(answer)).toBe(offset);
        else expect(await world.run(failure(answer))).toMatchObject({ code: 'offset_out_of_range' });
      }),
      { numRuns: 120 },
    );
  });

  test('a time to come is the tail, a time before all is the earliest', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(20, { laterMs: 1000 });
    const reader = world.reader();
    expect(await world.run(reader.resolve({ timestamp: world.runtime.now() + 1e9 }))).toBe(
      encodeOffset(world.log.page, 0),
    );
    expect(await world.run(reader.resolve({ timestamp: 0 }))).toBe(0);
    expect(await world.run(reader.resolve({ timestamp: Number.NEGATIVE_INFINITY }))).toBe(0);
    expect(await world.run(failure(reader.resolve({ timestamp: Number.NaN })))).toMatchObject({
      code: 'offset_out_of_range',
    });
  });

  test('the next sequence number is the tail, one above and one that is none are out of range', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(20);
    const reader = world.reader();
    const nextOffset = encodeOffset(world.log.page, 0);
    expect(await world.run(reader.resolve({ sequenceNumber: 20 }))).toBe(nextOffset);
    for (const sequenceNumber of [21, -1, 1.5, Number.NaN]) {
      expect(await world.run(failure(reader.resolve({ sequenceNumber })))).toMatchObject({
        code: 'offset_out_of_range',
        details: { earliestOffset: 0, nextOffset },
      });
    }
  });

  test('the last none are the tail, more than there are is the earliest', async () => {
    const world = new ReaderWorld();
    await world.log.appendMany(20);
    const reader = world.reader();
    expect(await world.run(reader.resolve({ last: 0 }))).toBe(encodeOffset(world.log.page, 0));
    expect(await world.run(reader.resolve({ last: 21 }))).toBe(0);
  });

  test('what retention has taken is out of range by number, and time and last begin at what is left', async () => {
    const world = new ReaderWorld();
    for (let i = 0; i < 40; i += 1) await world.log.append({ laterMs: 10, seals: i % 10 === 9 });
    for (const segment of new Set(world.log.commits.slice(0, 20).map((commit) => commit.segment))) {
      await world.storage.pages.deleteSegment(segmentRef(world.log.stream, segment));
    }
    const reader = world.reader();
    const earliestOffset = encodeOffset(world.log.commits[20]?.page ?? 0, 0);
    expect(await world.run(failure(reader.resolve({ sequenceNumber: 19 })))).toMatchObject({
      code: 'offset_out_of_range',
      details: { earliestOffset },
    });
    expect(await world.run(reader.resolve({ sequenceNumber: 20 }))).toBe(earliestOffset);
    expect(await world.run(reader.resolve({ timestamp: 0 }))).toBe(earliestOffset);
    expect(await world.run(reader.resolve({ last: 100 }))).toBe(earliestOffset);
    expect(await world.run(reader.bounds())).toEqual({
      earliestOffset,
      earliestSequenceNumber: 20,
      nextOffset: encodeOffset(world.log.page, 0),
      nextSequenceNumber: 40,
      firstTimestamp: world.log.commits[20]?.timestamp,
      lastTimestamp: world.log.commits[39]?.timestamp,
      bytes: (world.log.page - (world.log.commits[20]?.page ?? 0)) * 512,
    });
  });

  test('the tail of a stream whose newest segment is still empty follows from the segment before it', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    await world.log.append({ batches: [4], seals: true });
    expect(await world.run(world.reader().bounds())).toMatchObject({ nextSequenceNumber: 5 });
    await world.log.createSegment();
    expect(await world.run(world.reader().bounds())).toMatchObject({
      nextSequenceNumber: 5,
      nextOffset: encodeOffset(world.log.page, 0),
      lastTimestamp: world.log.timestamp,
    });
  });
});

describe('seeking in 100,000 commits', () => {
  const COUNT = 100_000;
  /** Eight steps on each of six levels. */
  const MOST_READS = 48;
  const world = new ReaderWorld({ segmentBytes: 128 * 1024 * 1024 });
  let reader: StreamReader;

  beforeAll(async () => {
    for (let i = 0; i < COUNT; i += 1)
      await world.log.append({ laterMs: i % 3, seals: i % 20_000 === 19_000 });
    reader = world.reader();
    await world.run(reader.resolve({ at: 'latest' }));
  });

  /** Whatever was read by a seek before is forgotten. */
  function coolDown(): void {
    const everything = { bytes: world.cache.maxBytes, evict: () => {} };
    world.cache.put(everything);
    world.cache.remove(everything);
    world.counted.reset();
  }

  test.each<[string, (commit: WrittenCommit) => Position]>([
    ['a sequence number', (commit) => ({ sequenceNumber: commit.firstSequenceNumber })],
    ['a time', (commit) => ({ timestamp: commit.timestamp })],
    ['an offset nobody has read up to', (commit) => ({ offset: encodeOffset(commit.page, 0) })],
  ])('%s is found with a bounded number of small reads', async (what, position) => {
    let most = 0;
    let sum = 0;
    const picks = Array.from({ length: 100 }, () => world.runtime.rng.below(COUNT));
    for (const pick of picks) {
      coolDown();
      const commit = world.log.commits[pick];
      if (commit !== undefined) await world.run(reader.resolve(position(commit)));
      most = Math.max(most, world.counted.total());
      sum += world.counted.total();
    }
    console.info(
      `seek by ${what} in ${COUNT} commits: ${sum / picks.length} reads on average, ${most} at most`,
    );
    expect(most).toBeLessThanOrEqual(MOST_READS);
    expect(world.counted.counts.readBytes).toBeLessThanOrEqual(MOST_READS * 4096);
  });

  test('the last ten are found with a few', async () => {
    coolDown();
    const tenth = world.log.commits.at(-10);
    expect(await world.run(reader.resolve({ last: 10 }))).toBe(encodeOffset(tenth?.page ?? 0, 0));
    console.info(`seek to the last 10 in ${COUNT} commits: ${world.counted.total()} calls`);
    expect(world.counted.total()).toBeLessThanOrEqual(16);
  });

  test('seeks share what they have read: the same seek again costs no read', async () => {
    coolDown();
    const sequenceNumber = 31_415;
    await world.run(reader.resolve({ sequenceNumber }));
    expect(world.counted.total()).toBeGreaterThan(0);
    world.counted.reset();
    await world.run(reader.resolve({ sequenceNumber }));
    expect(world.counted.total()).toBe(0);
  });

  test('a cold reader finds the tail with a bounded number of calls, and with one once it knew it', async () => {
    coolDown();
    const cold = world.reader();
    await world.run(cold.resolve({ at: 'latest' }));
    console.info(`the tail of ${COUNT} commits, cold: ${JSON.stringify(world.counted.counts)}`);
    expect(world.counted.total()).toBeLessThanOrEqual(40);
    world.counted.reset();
    expect(await world.run(cold.resolve({ at: 'latest' }))).toBe(encodeOffset(world.log.page, 0));
    expect(world.counted.total()).toBe(1);
  });
});
