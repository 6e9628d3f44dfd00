import { PAGE_BYTES } from '@message-vault/framing';
import type { FaultPlan } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import {
  applyRetention,
  ChunkCache,
  iterateMessages,
  openReader,
  type StreamReader,
  type StreamWriter,
  segmentRef,
} from '../src/index.ts';
import { checkLog } from './support/check-log.ts';
import { batchOf, code, onCall, textOf, WriterWorld } from './support/writer-world.ts';

const settings = { segmentCommits: 5, checkpointEvery: 8 };
const SIZE_BYTES = 8 * 1024 * 1024;

async function publish(world: WriterWorld, writer: StreamWriter, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) await world.run(writer.append(batchOf(`v${n}`)));
}

/** Lets go of all that a next leader does not need. */
function retain(world: WriterWorld): Promise<string[]> {
  const { pages, stream } = world;
  return applyRetention({ pages, stream, policy: { retentionBytes: 1 }, nowMs: world.runtime.now() });
}

/** What a delayed request of the leader of `epoch` leaves behind. */
async function haunt(world: WriterWorld, firstPage: number, epoch = 1): Promise<void> {
  await world.pages.createSegment(segmentRef(world.stream, firstPage), { sizeBytes: SIZE_BYTES, epoch });
}

/** A stream of 40 messages of which retention has left the last few, and the segments that it took. */
async function shortened(): Promise<{ world: WriterWorld; writer: StreamWriter; gone: number[] }> {
  const world = new WriterWorld();
  const writer = await world.open(1, { settings });
  await publish(world, writer, 0, 38);
  const before = await world.segments();
  await retain(world);
  const left = await world.segments();
  const gone = before.filter((page) => !left.includes(page));
  expect(gone.length).toBeGreaterThan(3);
  expect(left.length).toBeGreaterThan(1);
  return { world, writer, gone };
}

function readerOf(world: WriterWorld): StreamReader {
  const { pages, runtime, stream } = world;
  return openReader({ pages, runtime, stream, cache: new ChunkCache({ maxBytes: 64 * 1024 * 1024 }) });
}

async function valuesFrom(world: WriterWorld, reader: StreamReader, from: number): Promise<string[]> {
  const values: string[] = [];
  for (let next = from; ; ) {
    const { commits, nextOffset, upToDate } = await world.run(reader.read({ from: next, maxBytes: 1 << 20 }));
    for (const { value } of iterateMessages(commits, next)) values.push(textOf(value));
    next = nextOffset;
    if (upToDate) return values;
  }
}

describe('a reader', () => {
  const places = [
    ['below the earliest message', [0]],
    ['just before the earliest message', [-1]],
    ['several of them', [1, 2, -1]],
  ] as const;

  it.each(places)('passes over ghosts: %s', async (_, which) => {
    const { world, writer, gone } = await shortened();
    const earlier = readerOf(world);
    const bounds = await world.run(earlier.bounds());
    for (const index of which) await haunt(world, gone.at(index) ?? -1);
    for (const reader of [earlier, readerOf(world)]) {
      await world.runtime.advance(2000);
      expect(await world.run(reader.bounds())).toEqual(bounds);
      const earliest = await world.run(reader.resolve({ at: 'earliest' }));
      expect(earliest).toBe(bounds.earliestOffset);
      const values = await valuesFrom(world, reader, earliest);
      expect(values.at(-1)).toBe('v37');
      expect(values).toHaveLength(bounds.nextSequenceNumber - bounds.earliestSequenceNumber);
      expect(await world.run(reader.resolve({ last: 1000 }))).toBe(earliest);
      expect(await world.run(reader.resolve({ timestamp: 0 }))).toBe(earliest);
      for (const page of gone) {
        const offset = page * 65_536;
        const refused = await world.run(reader.read({ from: offset, maxBytes: 1 }).catch((error) => error));
        expect(refused).toMatchObject({
          code: 'offset_out_of_range',
          details: { earliestOffset: earliest, nextOffset: writer.tail.offset },
        });
      }
    }
  });

  it.each([
    ['within', 36],
    ['at the start of', 35],
  ])('that stood %s a segment which became a ghost goes on at the end of the stream', async (_, first) => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings });
    await publish(world, writer, 0, first);
    const segment = first === 35 ? writer.tail.page : ((await world.segments()).at(-1) ?? -1);
    const reader = readerOf(world);
    const stood = writer.tail.offset;
    expect(await world.run(reader.resolve({ at: 'latest' }))).toBe(stood);
    await publish(world, writer, first, 60);
    await retain(world);
    expect(await world.segments()).not.toContain(segment);
    await haunt(world, segment);
    const growth = world.run(reader.waitForGrowth(stood, { timeoutMs: 5000 }));
    expect(await growth).toBe(true);
    expect(await world.codeOf(reader.read({ from: stood, maxBytes: 1 }))).toBe('offset_out_of_range');
    expect(await world.run(reader.resolve({ at: 'latest' }))).toBe(writer.tail.offset);
    const earliest = await world.run(reader.resolve({ at: 'earliest' }));
    expect((await valuesFrom(world, reader, earliest)).at(-1)).toBe('v59');
  });

  it('that knew a segment before it became a ghost finds it gone, not damaged', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings });
    await publish(world, writer, 0, 38);
    const ask: ((reader: StreamReader) => Promise<unknown>)[] = [
      (reader) => reader.read({ from: 0, maxBytes: 1 }),
      (reader) => reader.resolve({ sequenceNumber: 1 }),
      (reader) => reader.resolve({ offset: 1 * 65_536 }),
    ];
    const readers = ask.map(() => readerOf(world));
    for (const reader of readers) await world.run(reader.resolve({ at: 'latest' }));
    await retain(world);
    await haunt(world, 0);
    for (const [index, reader] of readers.entries())
      expect(await world.codeOf(ask[index]?.(reader) ?? Promise.resolve())).toBe('offset_out_of_range');
  });

  it('takes an empty segment behind a message for what it is: damage', async () => {
    const world = new WriterWorld();
    await publish(world, await world.open(1, { settings }), 0, 38);
    const [, second = -1] = await world.segments();
    await world.pages.deleteSegment(segmentRef(world.stream, second));
    await haunt(world, second);
    const reader = readerOf(world);
    const earliest = await world.run(reader.resolve({ at: 'earliest' }));
    expect(await code(valuesFrom(world, reader, earliest))).toBe('damaged');
  });

  it('takes an oldest segment whose first page is lost, and not the rest, for damaged', async () => {
    const { world } = await shortened();
    const [first = -1] = await world.segments();
    const ref = segmentRef(world.stream, first);
    const { etag, epoch } = await world.pages.segmentProperties(ref);
    await world.pages.clearPages(ref, { offset: 0, length: PAGE_BYTES }, { etag, epoch });
    const reader = readerOf(world);
    expect(await world.run(reader.resolve({ at: 'earliest' }))).toBe(first * 65_536);
    expect(await world.codeOf(reader.read({ from: first * 65_536, maxBytes: 1 }))).toBe('damaged');
    expect(await retain(world)).toEqual([]);
  });
});

describe('retention', () => {
  it('deletes ghosts, also while nothing else is to go', async () => {
    const { world, gone } = await shortened();
    const left = await world.segments();
    for (const page of gone) await haunt(world, page);
    const { pages, stream } = world;
    const policy = { retentionAgeMs: 1_000_000_000 };
    const deleted = await applyRetention({ pages, stream, policy, nowMs: world.runtime.now() });
    expect(deleted.map(Number)).toEqual(gone);
    expect(await world.segments()).toEqual(left);
  });
});

describe('a new leader', () => {
  it('finds the end and the dedupe window past any ghosts', async () => {
    const { world, writer, gone } = await shortened();
    for (const page of gone) await haunt(world, page);
    const next = await world.open(2, { settings });
    expect(next.tail).toEqual(writer.tail);
    await publish(world, next, 38, 60);
    await retain(world);
    expect((await checkLog(world)).at(-1)).toBe('v59');
  });

  it('of an empty newest segment finds the last commit with ghosts before it', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 40);
    await retain(world);
    await haunt(world, 0);
    const second = await world.open(2, { settings });
    expect((await world.segments()).at(-1)).toBe(old.tail.page);
    expect((await world.open(3, { settings })).tail).toEqual(second.tail);
  });

  it('refuses when an empty segment stands where the last commit was', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 5);
    await world.open(2, { settings });
    await world.pages.deleteSegment(segmentRef(world.stream, 0));
    await haunt(world, 0);
    expect(await world.codeOf(world.opening(3, { settings }))).toBe('damaged');
  });

  it('makes the next segment before a creation of the old leader arrives, which then changes nothing', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 5);
    const next = await world.open(2, { settings });
    expect(await code(haunt(world, old.tail.page))).toBe('already_exists');
    await publish(world, next, 5, 8);
    expect(await checkLog(world)).toHaveLength(8);
  });

  it.each([0, 35])(
    'that fences a ghost, having listed what was deleted since, looks again (%i)',
    async (at) => {
      const world = new WriterWorld();
      const old = await world.open(1, { settings });
      await publish(world, old, 0, at + 1);
      const newest = (await world.segments()).at(-1) ?? -1;
      const opening = world.opening(2, {
        settings,
        faults: onCall('fence', 0, { kind: 'delay', beforeMs: 1000 }),
      });
      await world.runtime.advance(500);
      await publish(world, old, at + 1, at + 30);
      await retain(world);
      expect(await world.segments()).not.toContain(newest);
      await haunt(world, newest);
      const next = await world.run(opening);
      expect(next.tail).toEqual(old.tail);
      await publish(world, next, at + 30, at + 40);
      expect((await checkLog(world)).at(-1)).toBe(`v${at + 39}`);
    },
  );
});

describe('a leader that does not know it was replaced long ago', () => {
  /** Its clock stood still, as that of a machine that was suspended does: it may go on leading as far as it can tell. */
  async function overtaken(world: WriterWorld, from: number): Promise<void> {
    const next = await world.open(2, { settings });
    await publish(world, next, from, from + 30);
    await retain(world);
  }

  async function expectUntouched(world: WriterWorld, ghost: number, from: number): Promise<void> {
    const ref = segmentRef(world.stream, ghost);
    expect(await world.pages.writtenRanges(ref, { offset: 0, length: SIZE_BYTES })).toEqual([]);
    await retain(world);
    expect((await checkLog(world)).at(-1)).toBe(`v${from + 29}`);
  }

  it('makes a ghost when it rolls, and does not write to it', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 5);
    await overtaken(world, 5);
    expect(await world.segments()).not.toContain(old.tail.page);
    expect(await world.codeOf(old.append(batchOf('late')))).toBe('not_leader');
    expect(world.leaderships[0]?.lostBecause).toHaveLength(1);
    await expectUntouched(world, old.tail.page, 5);
  });

  it('does not write to the ghost of its segment when a commit is in doubt', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, {
      settings: { ...settings, writeTimeoutMs: 1000, resolveForMs: 60_000 },
      faults: onCall('writePages', 2, { kind: 'hang', applied: false }),
    });
    await publish(world, old, 0, 2);
    const late = code(old.append(batchOf('late')));
    await world.runtime.advance(500);
    await overtaken(world, 2);
    await haunt(world, 0);
    expect(await world.run(late)).toBe('outcome_unknown');
    await expectUntouched(world, 0, 2);
  });

  it('does not write to a ghost it has cleared of a torn commit', async () => {
    const world = new WriterWorld();
    let writes = 0;
    const thirdTorn: FaultPlan = ({ operation }) => {
      if (operation !== 'pages.writePages') return undefined;
      writes += 1;
      if (writes <= 2) return undefined;
      return writes === 3 ? { kind: 'tear', pages: 1 } : { kind: 'refuse', code: 'unavailable' };
    };
    const torn = await world.open(1, { settings: { ...settings, resolveForMs: 1000 }, faults: thirdTorn });
    await publish(world, torn, 0, 2);
    expect(await world.codeOf(torn.append(batchOf('x'.repeat(2000))))).toBe('outcome_unknown');
    world.leaderships[0]?.lost('its process has died');
    const slow = code(
      world.opening(1, {
        settings,
        faults: onCall('segmentProperties', 1, { kind: 'delay', beforeMs: 1000 }),
      }),
    );
    await world.runtime.advance(500);
    await overtaken(world, 2);
    await haunt(world, 0);
    expect(await world.run(slow)).toBe('not_leader');
    await expectUntouched(world, 0, 2);
  });
});
