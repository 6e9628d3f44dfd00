import { type CommitHeader, encodeBatch, encodeCommit, PAGE_BYTES } from '@message-vault/framing';
import { segmentRef } from '../../src/index.ts';
import type { WriterWorld } from './writer-world.ts';

/** Makes a page unwritten again, whatever its conditions are: what a torn write leaves where it did not get to. */
export async function unwrite(world: WriterWorld, page: number, pages = 1): Promise<void> {
  const firstPage = (await world.segments()).findLast((first) => first <= page) ?? 0;
  const ref = segmentRef(world.stream, firstPage);
  const conditions = await world.pages.segmentProperties(ref);
  const range = { offset: (page - firstPage) * PAGE_BYTES, length: pages * PAGE_BYTES };
  await world.pages.clearPages(ref, range, conditions);
}

export async function flipBit(world: WriterWorld, page: number, bit: number): Promise<void> {
  const bytes = await world.bytesAt(page, 1);
  const at = Math.floor(bit / 8);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
  await world.scribble(page, bytes);
}

export async function isWritten(world: WriterWorld, page: number): Promise<boolean> {
  const firstPage = (await world.segments()).findLast((first) => first <= page) ?? 0;
  const range = { offset: (page - firstPage) * PAGE_BYTES, length: PAGE_BYTES };
  return (await world.pages.writtenRanges(segmentRef(world.stream, firstPage), range)).length > 0;
}

/** A whole commit, checksums and all, that claims to come right after `before` but for the page it stands at. */
export function forgedCommit(
  world: WriterWorld,
  before: CommitHeader,
  page: number,
  text: string,
): Uint8Array {
  const batch = encodeBatch({ messages: [{ value: Buffer.from(text), kind: 'text', headers: [] }] });
  return encodeCommit(forgedAfter(world, before, page, [batch]));
}

export function forgedAfter(world: WriterWorld, before: CommitHeader, page: number, batches: Uint8Array[]) {
  const skips = before.skips.map((skip, level) => (before.number % 8 ** level === 0 ? before.page : skip));
  return {
    streamId: world.stream.streamId,
    epoch: before.epoch,
    page,
    number: before.number + 1,
    firstSequenceNumber: before.firstSequenceNumber + before.messageCount,
    timestamp: before.timestamp,
    skips,
    messageCount: batches.length,
    lastInSegment: false,
    batches,
  };
}
