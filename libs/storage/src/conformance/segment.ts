import type { ETag, PageStore, SegmentRef } from '../ports.ts';
import { freshName } from './outcomes.ts';

export const page = 512;

/** One or more pages filled with `value`. */
export function pagesOf(value: number, count = 1): Uint8Array {
  return new Uint8Array(count * page).fill(value);
}

export interface FreshSegment {
  readonly store: PageStore;
  readonly ref: SegmentRef;
  /** ETag right after creation. */
  readonly etag: ETag;
}

/** A segment in a container of its own, with sequence number `epoch`. */
export async function freshSegment(
  store: PageStore,
  { epoch = 1, sizeBytes = 64 * 1024 * 1024 } = {},
): Promise<FreshSegment> {
  const ref = { container: freshName('conformance'), segment: '0000000000000000' };
  await store.createContainer(ref.container);
  const { etag } = await store.createSegment(ref, { sizeBytes, epoch });
  return { store, ref, etag };
}

/** The bytes of a range; fails when the store says not modified, which it may only when asked. */
export async function bytesAt(
  { store, ref }: FreshSegment,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const read = await store.readRange(ref, { offset, length });
  if (read.status !== 'read') throw new Error('not_modified without ifNoneMatch');
  return read.bytes;
}
