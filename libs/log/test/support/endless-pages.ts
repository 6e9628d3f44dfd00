import { encodeBatch, encodeCommit, PAGE_BYTES, type SkipSource, skipsAfter } from '@message-vault/framing';
import type { PageStore } from '@message-vault/storage';
import { expect } from 'vitest';
import { type ReaderWorld, STREAM } from './reader-world.ts';

/** A segment larger than memory should get: its commits are put together when they are read, all with the same body. */
export async function endlessPages(
  world: ReaderWorld,
  commitBytes: number,
  count: number,
): Promise<PageStore> {
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
