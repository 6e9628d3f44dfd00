import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { BATCH_CRC_START, BATCH_FIELDS, readBatchExtent } from './batch-header.ts';
import {
  COMMIT_FIELDS,
  type CommitHeader,
  type CommitPlace,
  commitByteLength,
  decodeCommitHeader,
  type ExpectedPlace,
  writeCommitHeader,
} from './commit-header.ts';
import { joinCrcs } from './crc.ts';
import { FramingError } from './errors.ts';
import { requireBytes, viewOf } from './integers.ts';
import {
  BATCH_HEADER_BYTES,
  COMMIT_HEADER_BYTES,
  MAX_COMMIT_BYTES,
  PAGE_BYTES,
  TRAILER_BYTES,
} from './limits.ts';
import { readTrailer, writeTrailer } from './trailer.ts';

/** What a leader writes in one Put Page. */
export interface Commit extends CommitPlace {
  /** Checked batches, as they came. None in a commit that only carries a checkpoint. */
  readonly batches: readonly Uint8Array[];
  /** Opaque here; see encodeProducerCheckpoint. */
  readonly checkpoint?: Uint8Array | undefined;
}

/** A stored commit, taken apart without copying. */
export interface DecodedCommit {
  readonly header: CommitHeader;
  /** Views of the bytes given. */
  readonly batches: Uint8Array[];
  readonly checkpoint: Uint8Array | undefined;
}

const ZEROS = new Uint8Array(PAGE_BYTES + TRAILER_BYTES);

/** From this size on, the CRC a batch carries is taken over rather than its bytes gone through once more. */
const LARGE_BATCH_BYTES = 32 * 1024;

/**
 * The bytes of a commit, in whole pages. Each batch is copied once: to the front of `room` if it is large enough, to
 * memory of its own otherwise. Throws FramingError when it cannot be written: too large, or counts, places or skip
 * pointers that contradict each other.
 */
export function encodeCommit(commit: Commit, room?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const { batches, checkpoint } = commit;
  const bodyBytes = batches.reduce((sum, batch) => sum + batch.byteLength, checkpoint?.byteLength ?? 0);
  const byteLength = requireCommitSize(bodyBytes);
  const fits = room !== undefined && room.byteLength >= byteLength;
  const body = new CommitBody(fits ? room : commitRoom(byteLength));
  for (const batch of batches) body.add(batch);
  return body.seal(commit, checkpoint);
}

/** Memory for a commit, not cleared: what is not filled is never touched, and so never really taken. */
export function commitRoom(byteLength: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer);
}

/**
 * A commit while its batches come. They can be laid out before anything is known of its place, which is all that is
 * left to `seal`. Its CRC is made from those of its larger batches, so whoever checks it checks what their producers
 * have computed.
 */
export class CommitBody {
  readonly #room: Uint8Array<ArrayBuffer>;
  #batches = 0;
  #bytes = 0;
  #crc = 0;

  /** In `room`, which nothing else uses until the sealed commit is done with. */
  constructor(room: Uint8Array<ArrayBuffer>) {
    this.#room = room;
  }

  /** Bytes of the batches so far. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** Copies a checked batch behind those before it. Throws FramingError when the room is too small. */
  add(batch: Uint8Array): void {
    this.#requireRoom(this.#bytes + batch.byteLength);
    this.#room.set(batch, COMMIT_HEADER_BYTES + this.#bytes);
    this.#bytes += batch.byteLength;
    this.#batches += 1;
    this.#crc = crcWith(this.#crc, batch);
  }

  /** The commit, in whole pages at the front of the room. Nothing may be added to it afterwards. Throws FramingError. */
  seal(place: CommitPlace, checkpoint?: Uint8Array): Uint8Array<ArrayBuffer> {
    const checkpointBytes = checkpoint?.byteLength ?? 0;
    const bodyBytes = this.#bytes + checkpointBytes;
    const byteLength = this.#requireRoom(bodyBytes);
    const bytes = this.#room.subarray(0, byteLength);
    if (checkpoint !== undefined) bytes.set(checkpoint, COMMIT_HEADER_BYTES + this.#bytes);
    bytes.fill(0, COMMIT_HEADER_BYTES + bodyBytes);
    writeTrailer(viewOf(bytes), byteLength, byteLength);
    const bodyCrc = checkpoint === undefined ? this.#crc : crc32(checkpoint, this.#crc);
    const pages = byteLength / PAGE_BYTES;
    const header = { ...place, batchCount: this.#batches, bodyBytes, checkpointBytes, pages, byteLength };
    writeCommitHeader(bytes, header, bodyCrc);
    splitBatches(bytes, 0, header);
    return bytes;
  }

  #requireRoom(bodyBytes: number): number {
    const byteLength = requireCommitSize(bodyBytes);
    if (byteLength <= this.#room.byteLength) return byteLength;
    const detail = `a commit of ${byteLength} bytes in room for ${this.#room.byteLength}`;
    throw new FramingError('too_large', COMMIT_FIELDS.bodyBytes.at, detail);
  }
}

/** How many bytes a commit with such a body takes. Throws FramingError when no commit is that large. */
function requireCommitSize(bodyBytes: number): number {
  const byteLength = commitByteLength(bodyBytes);
  if (byteLength <= MAX_COMMIT_BYTES) return byteLength;
  throw new FramingError('too_large', COMMIT_FIELDS.bodyBytes.at, `a commit of ${byteLength} bytes`);
}

/** The CRC of what `crc` is of and the batch behind it. */
function crcWith(crc: number, batch: Uint8Array): number {
  if (batch.byteLength < LARGE_BATCH_BYTES) return crc32(batch, crc);
  const start = crc32(batch.subarray(0, BATCH_CRC_START), crc);
  const rest = viewOf(batch).getUint32(BATCH_FIELDS.crc.at, true);
  return joinCrcs(start, rest, batch.byteLength - BATCH_CRC_START);
}

/**
 * Reads and checks all of the commit that starts at `at`: header, body CRC, batch extents, padding and trailer. What
 * comes after it in `bytes` is not looked at. The batches are not checked inside (checkBatch): they were before they
 * were written, and the body's CRC says they are still the same. Throws FramingError.
 */
export function decodeCommit(bytes: Uint8Array, at = 0, expected: ExpectedPlace = {}): DecodedCommit {
  const header = decodeCommitHeader(bytes, at, expected);
  requireBytes(bytes, at, header.byteLength, 'the commit');
  const bodyAt = at + COMMIT_HEADER_BYTES;
  const bodyEnd = bodyAt + header.bodyBytes;
  const bodyCrc = viewOf(bytes).getUint32(at + COMMIT_FIELDS.bodyCrc.at, true);
  if (crc32(bytes.subarray(bodyAt, bodyEnd)) !== bodyCrc) {
    throw new FramingError('bad_crc', at + COMMIT_FIELDS.bodyCrc.at, 'the body does not match its CRC');
  }
  requirePadding(bytes, bodyEnd, at + header.byteLength - TRAILER_BYTES);
  const endAt = at + header.byteLength;
  if (readTrailer(bytes, endAt)?.byteLength !== header.byteLength) {
    throw new FramingError(
      'bad_trailer',
      endAt - TRAILER_BYTES,
      `expected a trailer of ${header.byteLength} bytes`,
    );
  }
  const batches = splitBatches(bytes, at, header);
  const checkpointAt = bodyEnd - header.checkpointBytes;
  const checkpoint = header.checkpointBytes === 0 ? undefined : bytes.subarray(checkpointAt, bodyEnd);
  return { header, batches, checkpoint };
}

/** True when a whole header is present at `at` and all of it is zero: nothing has been written here. */
export function isBlank(bytes: Uint8Array, at = 0): boolean {
  if (at < 0 || at + COMMIT_HEADER_BYTES > bytes.byteLength) return false;
  return (
    Buffer.compare(bytes.subarray(at, at + COMMIT_HEADER_BYTES), ZEROS.subarray(0, COMMIT_HEADER_BYTES)) === 0
  );
}

function requirePadding(bytes: Uint8Array, start: number, end: number): void {
  const padding = bytes.subarray(start, end);
  if (Buffer.compare(padding, ZEROS.subarray(0, padding.byteLength)) === 0) return;
  const first = padding.findIndex((byte) => byte !== 0);
  throw new FramingError('bad_padding', start + first, 'the bytes between body and trailer must be zero');
}

/** Walks the batches by their headers; they must fill the body up to the checkpoint and add up to the header's counts. */
function splitBatches(bytes: Uint8Array, at: number, header: CommitHeader): Uint8Array[] {
  const view = viewOf(bytes);
  const end = at + COMMIT_HEADER_BYTES + header.bodyBytes - header.checkpointBytes;
  const batches: Uint8Array[] = [];
  let messages = 0;
  let place = at + COMMIT_HEADER_BYTES;
  while (place < end) {
    const extent = batchExtent(view, place, end);
    batches.push(bytes.subarray(place, place + extent.byteLength));
    messages += extent.messageCount;
    place += extent.byteLength;
  }
  requireCounts(header, { batches: batches.length, messages }, at);
  return batches;
}

function batchExtent(view: DataView, at: number, end: number): { byteLength: number; messageCount: number } {
  if (end - at < BATCH_HEADER_BYTES)
    throw new FramingError('bad_length', at, 'no room for a batch header in the body');
  const extent = readBatchExtent(view, at);
  if (extent.byteLength > end - at) {
    throw new FramingError('bad_length', at + BATCH_FIELDS.byteLength.at, 'a batch reaches past the body');
  }
  return extent;
}

function requireCounts(header: CommitHeader, found: { batches: number; messages: number }, at: number): void {
  if (found.batches !== header.batchCount) {
    const detail = `${found.batches} batches in a commit of ${header.batchCount}`;
    throw new FramingError('bad_count', at + COMMIT_FIELDS.batchCount.at, detail);
  }
  if (found.messages !== header.messageCount) {
    const detail = `${found.messages} messages in a commit of ${header.messageCount}`;
    throw new FramingError('bad_count', at + COMMIT_FIELDS.messageCount.at, detail);
  }
}
