import {
  BATCH_HEADER_BYTES,
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  encodeBatch,
  encodeCommit,
  encodeOffset,
  PAGE_BYTES,
} from '@message-vault/framing';
import { describe, expect, it } from 'vitest';
import {
  ChunkCache,
  iterateMessages,
  openReader,
  type StreamReader,
  type StreamWriter,
} from '../src/index.ts';
import { forgedAfter, forgedCommit, unwrite } from './support/tail-damage.ts';
import { batchOf, WriterWorld } from './support/writer-world.ts';

function bytesBatch(value: Uint8Array): Uint8Array {
  return encodeBatch({ messages: [{ value, kind: 'bytes', headers: [] }] });
}

/** Where in a commit the value of its only message starts, for values above 16 KiB and below 2 MiB or above it. */
function valueStart(value: Uint8Array): number {
  const marked = value.slice();
  marked.fill(0xee);
  return COMMIT_HEADER_BYTES + Buffer.from(bytesBatch(marked)).indexOf(Buffer.alloc(64, 0xee));
}

/** A value of `pages` whole pages and a bit, with `forged` at the page of the commit given for each. */
function valueWith(pages: number, forged: readonly { page: number; bytes: Uint8Array }[]): Uint8Array {
  const value = new Uint8Array(pages * PAGE_BYTES);
  const start = valueStart(value);
  for (const { page, bytes } of forged) value.set(bytes, page * PAGE_BYTES - start);
  return value;
}

async function lastHeader(world: WriterWorld): Promise<CommitHeader> {
  const last = (await world.stored()).at(-1)?.header;
  if (last === undefined) throw new Error('nothing is stored');
  return last;
}

async function start(): Promise<{
  world: WriterWorld;
  writer: StreamWriter;
  before: CommitHeader;
  at: number;
}> {
  const world = new WriterWorld();
  const writer = await world.open(1);
  for (const value of ['a', 'b', 'c']) await world.run(writer.append(batchOf(value)));
  return { world, writer, before: await lastHeader(world), at: writer.tail.page };
}

function readerOf({ pages, runtime, stream }: WriterWorld): StreamReader {
  return openReader({ pages, runtime, stream, cache: new ChunkCache({ maxBytes: 64 * 1024 * 1024 }) });
}

/** Everything a reader finds, however it looks for the end: walking, told where to look, or searching. */
async function expectRead(
  world: WriterWorld,
  readers: readonly StreamReader[],
  values: string[],
): Promise<void> {
  for (const reader of readers) {
    for (const page of [0, 1, 60, 100, 10_000]) {
      reader.hint(page);
      const { commits, nextOffset } = await world.run(reader.read({ from: 0, maxBytes: 1 << 20 }));
      const found = [...iterateMessages(commits, 0)].map(({ value }) => Buffer.from(value).toString());
      expect(found).toEqual(values);
      expect(await world.run(reader.resolve({ at: 'latest' }))).toBe(nextOffset);
    }
  }
}

/**
 * A new leader comes after a tear: what is forged must be gone, and the log must go on right behind the last real commit.
 * No reader believes it either, before or after.
 */
async function expectNotAdopted(world: WriterWorld, at: number, epoch = 2): Promise<void> {
  const readers = [readerOf(world), readerOf(world)];
  await expectRead(world, readers, ['a', 'b', 'c']);
  for (let page = at + 1; page < at + 60; page += 1) {
    const read = readerOf(world).read({ from: encodeOffset(page, 0), maxBytes: 1 });
    expect(await world.codeOf(read)).toBe('offset_out_of_range');
  }
  const writer = await world.open(epoch);
  expect(writer.tail.page).toBe(at);
  await expectRead(world, [...readers, readerOf(world)], ['a', 'b', 'c']);
  await world.run(writer.append(batchOf('next')));
  expect(await world.values()).toEqual(['a', 'b', 'c', 'next']);
  await expectRead(world, [...readers, readerOf(world)], ['a', 'b', 'c', 'next']);
}

describe('a forged commit hidden in a batch', () => {
  it('is never adopted when the write is torn right behind it', async () => {
    const { world, writer, before, at } = await start();
    const forged = forgedCommit(world, before, at + 10, 'forged');
    await world.run(writer.append(bytesBatch(valueWith(100, [{ page: 10, bytes: forged }]))));
    await unwrite(world, at + 11, writer.tail.page - at - 11);
    await expectNotAdopted(world, at);
  });

  it('is never adopted when the page in front of it is missing too', async () => {
    const { world, writer, before, at } = await start();
    const forged = forgedCommit(world, before, at + 1, 'forged');
    await world.run(writer.append(bytesBatch(valueWith(100, [{ page: 1, bytes: forged }]))));
    await unwrite(world, at);
    await unwrite(world, at + 2, writer.tail.page - at - 2);
    await expectNotAdopted(world, at);
  });

  it('is never adopted as the last of a long chain of forged ones', async () => {
    const { world, writer, before, at } = await start();
    const forged: { page: number; bytes: Uint8Array }[] = [];
    let last = before;
    for (let page = 1; page < 60; page += 1) {
      forged.push({ page, bytes: forgedCommit(world, last, at + page, `forged ${page}`) });
      last = { ...last, ...forgedAfter(world, last, at + page, [bytesBatch(new Uint8Array(1))]) };
    }
    await world.run(writer.append(bytesBatch(valueWith(100, forged))));
    await unwrite(world, at);
    await unwrite(world, at + 60, writer.tail.page - at - 60);
    await expectNotAdopted(world, at);
  });

  it('is never adopted in the very first commit of a stream', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const nothing = {
      number: -1,
      page: -1,
      skips: Array(8).fill(-1),
      firstSequenceNumber: 0,
      messageCount: 0,
      epoch: 1,
      timestamp: 0,
    };
    const commit = {
      ...forgedAfter(world, { ...(await headerLike()), ...nothing }, 5, [bytesBatch(new Uint8Array(9))]),
      skips: Array(8).fill(-1),
    };
    await world.run(writer.append(bytesBatch(valueWith(40, [{ page: 5, bytes: encodeCommit(commit) }]))));
    await unwrite(world, 6, writer.tail.page - 6);
    const next = await world.open(2);
    expect(next.tail.page).toBe(0);
    await world.run(next.append(batchOf('first')));
    expect(await world.values()).toEqual(['first']);
  });

  it('does no harm in a commit that is whole', async () => {
    const { world, writer, before, at } = await start();
    const forged = forgedCommit(world, before, at + 10, 'forged');
    await world.run(writer.append(bytesBatch(valueWith(100, [{ page: 10, bytes: forged }]))));
    const next = await world.open(2);
    expect(next.tail).toEqual(writer.tail);
  });

  it('is never adopted though its chain spans two real commits and is longer than one commit can be', async () => {
    const { world, writer, before, at } = await start();
    const carrierPages = 8000;
    // The first carrier lands whole. In it: one forged commit nearly as long, then the beginning of a second one, which
    // runs on over the end of this carrier and over the next one's first page, foreseen to be torn and therefore blank.
    const long = { page: 2, pages: 7000 };
    const span = { page: long.page + long.pages, pages: 3000 };
    const longBytes = encodeCommit(forgedAfter(world, before, at + long.page, [blankBatch(long.pages)]));
    expect(longBytes.length).toBe(long.pages * PAGE_BYTES);
    const afterLong = { ...before, ...forgedAfter(world, before, at + long.page, [new Uint8Array()]) };
    const bare = valueWith(carrierPages, [{ page: long.page, bytes: longBytes }]);
    const realEnd = realTail(before, at, bare);
    const endPage = realEnd.pages;
    const foreseen = new Uint8Array(span.pages * PAGE_BYTES);
    foreseen.set(realEnd.bytes.subarray(span.page * PAGE_BYTES), 0);
    const spanBytes = encodeCommit(
      forgedAfter(world, afterLong, at + span.page, [overlaid(blankBatch(span.pages), foreseen)]),
    );
    const inFirst = (endPage - span.page) * PAGE_BYTES;
    const first = bare.slice();
    const begin = span.page * PAGE_BYTES - valueStart(bare);
    first.set(spanBytes.subarray(0, first.length - begin), begin);
    await world.run(writer.append(bytesBatch(first)));
    expect(writer.tail.page).toBe(at + endPage);
    const second = valueWith(6000, [{ page: 1, bytes: spanBytes.subarray(inFirst + PAGE_BYTES) }]);
    await world.run(writer.append(bytesBatch(second)));
    const forgedEnd = at + span.page + span.pages;
    await unwrite(world, at + endPage);
    await unwrite(world, forgedEnd, writer.tail.page - forgedEnd);
    // What has been forged is a chain of good commits of more than 4 MiB up to the last written page …
    expect(await world.bytesAt(at + span.page, span.pages)).toEqual(Uint8Array.from(spanBytes));
    const next = await world.open(2);
    // … and the log ends all the same where the real carrier ends.
    expect(next.tail.page).toBe(at + endPage);
  });
});

async function headerLike(): Promise<CommitHeader> {
  const { before } = await start();
  return before;
}

/** A batch that makes a commit of exactly so many pages. */
function blankBatch(pages: number): Uint8Array {
  const bytes = pages * PAGE_BYTES - COMMIT_HEADER_BYTES - PAGE_BYTES;
  return bytesBatch(new Uint8Array(bytes + 200));
}

/** The batch with everything behind its header as foreseen (its place in the commit counts): only its length is ever checked. */
function overlaid(batch: Uint8Array, foreseen: Uint8Array): Uint8Array {
  const bytes = batch.slice();
  const from = COMMIT_HEADER_BYTES + BATCH_HEADER_BYTES;
  bytes.set(foreseen.subarray(from, COMMIT_HEADER_BYTES + bytes.length), BATCH_HEADER_BYTES);
  return bytes;
}

/** The bytes of the real commit with this value, but for its header: what a producer can foresee. */
function realTail(before: CommitHeader, at: number, value: Uint8Array): { bytes: Uint8Array; pages: number } {
  const skips = before.skips.map((skip, level) => (before.number % 8 ** level === 0 ? before.page : skip));
  const bytes = encodeCommit({
    streamId: before.streamId,
    epoch: before.epoch,
    page: at,
    number: before.number + 1,
    firstSequenceNumber: before.firstSequenceNumber + before.messageCount,
    timestamp: before.timestamp,
    skips,
    messageCount: 1,
    lastInSegment: false,
    batches: [bytesBatch(value)],
  });
  return { bytes, pages: bytes.length / PAGE_BYTES };
}
