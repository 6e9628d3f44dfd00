import type { CommitHeader } from '@message-vault/framing';

/** A commit as it is stored, checked in full. Shared between all who read it: never written to. */
export interface StoredCommit {
  readonly header: CommitHeader;
  /** The whole commit, in whole pages. */
  readonly bytes: Uint8Array;
  /** Its batches, views of `bytes`. */
  readonly batches: readonly Uint8Array[];
}

/** Backing buffers below this are not worth a copy to set them free. */
const SMALL_BUFFER_BYTES = 64 * 1024;

/**
 * The same commits, none of them a small view that keeps a large buffer alive: a slow consumer of 512 bytes must not
 * hold 4 MiB. What takes up a good part of its buffer is left where it is.
 */
export function withoutLargeBuffers(commits: readonly StoredCommit[]): StoredCommit[] {
  const compact: StoredCommit[] = [];
  for (let start = 0; start < commits.length; ) {
    const end = endOfBuffer(commits, start);
    const group = commits.slice(start, end);
    compact.push(...(isSmallPart(group) ? copied(group) : group));
    start = end;
  }
  return compact;
}

/** Commits that fill `bytes` from the start, on a buffer of just their size when they leave most of it unused. */
export function trimmed(commits: readonly StoredCommit[], bytes: Uint8Array): readonly StoredCommit[] {
  return totalBytes(commits) * 2 < bytes.byteLength ? copied(commits) : commits;
}

function totalBytes(commits: readonly StoredCommit[]): number {
  return commits.reduce((sum, commit) => sum + commit.bytes.byteLength, 0);
}

function endOfBuffer(commits: readonly StoredCommit[], start: number): number {
  const buffer = commits[start]?.bytes.buffer;
  let end = start + 1;
  while (end < commits.length && commits[end]?.bytes.buffer === buffer) end += 1;
  return end;
}

function isSmallPart(group: readonly StoredCommit[]): boolean {
  const bufferBytes = group[0]?.bytes.buffer.byteLength ?? 0;
  return bufferBytes > SMALL_BUFFER_BYTES && totalBytes(group) * 4 < bufferBytes;
}

function copied(commits: readonly StoredCommit[]): StoredCommit[] {
  const buffer = new Uint8Array(totalBytes(commits));
  let at = 0;
  return commits.map(({ header, bytes, batches }) => {
    const place = buffer.subarray(at, at + bytes.byteLength);
    place.set(bytes);
    at += bytes.byteLength;
    const moved = batches.map((batch) => {
      const from = batch.byteOffset - bytes.byteOffset;
      return place.subarray(from, from + batch.byteLength);
    });
    return { header, bytes: place, batches: moved };
  });
}
