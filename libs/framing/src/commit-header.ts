/*
 * Commit header: what a leader puts before the batches it writes in one Put Page. All integers little-endian.
 *
 *   offset  size  field
 *        0     4  magic "MVC1"
 *        4     2  version, 1
 *        6     2  flags: bit 0 last commit of its segment, other bits zero
 *        8     4  CRC-32 of the header's bytes 0 … 7 and 12 … 159, in this order
 *       12     4  CRC-32 of the body
 *       16    16  stream id, a UUID
 *       32     8  epoch of the leader that wrote it
 *       40     8  page the commit starts at, absolute in the stream
 *       48     8  commit number: 0 for the stream's first, then one more with every commit
 *       56     8  sequence number of the first message (of the next message, when the commit has none)
 *       64     8  timestamp of its messages, milliseconds since 1970-01-01 UTC, up to 2^48 - 1
 *       72     4  message count, 0 … 65,535
 *       76     4  batch count
 *       80     4  body length in bytes: batches and checkpoint
 *       84     4  checkpoint length in bytes: the last part of the body; 0 for none
 *       88     8  reserved, zero
 *       96    64  eight skip pointers of 8 bytes: for k = 0 … 7 the page of the latest earlier commit whose number is
 *                 divisible by 8^k; all ones for none
 */
import { crc32 } from 'node:zlib';
import { FramingError } from './errors.ts';
import {
  getU64,
  isU64AllOnes,
  putU32,
  putU64,
  putU64AllOnes,
  requireBytes,
  requireZeroU32,
  viewOf,
} from './integers.ts';
import { assertFieldsFill } from './layout.ts';
import {
  COMMIT_HEADER_BYTES,
  MAX_COMMIT_BYTES,
  MAX_COMMIT_MESSAGES,
  MAX_PAGE,
  MAX_TIMESTAMP,
  NO_PAGE,
  PAGE_BYTES,
  TRAILER_BYTES,
} from './limits.ts';
import { requireSkips, SKIP_LEVELS } from './skips.ts';
import { readUuid, writeUuid } from './uuid.ts';

export const COMMIT_FIELDS = {
  magic: { at: 0, bytes: 4 },
  version: { at: 4, bytes: 2 },
  flags: { at: 6, bytes: 2 },
  headerCrc: { at: 8, bytes: 4 },
  bodyCrc: { at: 12, bytes: 4 },
  streamId: { at: 16, bytes: 16 },
  epoch: { at: 32, bytes: 8 },
  page: { at: 40, bytes: 8 },
  number: { at: 48, bytes: 8 },
  firstSequenceNumber: { at: 56, bytes: 8 },
  timestamp: { at: 64, bytes: 8 },
  messageCount: { at: 72, bytes: 4 },
  batchCount: { at: 76, bytes: 4 },
  bodyBytes: { at: 80, bytes: 4 },
  checkpointBytes: { at: 84, bytes: 4 },
  reserved: { at: 88, bytes: 8 },
  skips: { at: 96, bytes: 8 * SKIP_LEVELS },
} as const;
assertFieldsFill('commit header', COMMIT_HEADER_BYTES, COMMIT_FIELDS);

/** "MVC1" read as a little-endian u32. */
const MAGIC = 0x3143564d;
const VERSION = 1;
const LAST_IN_SEGMENT = 1;

/** What a commit says of itself, apart from its sizes. */
export interface CommitPlace {
  /** A UUID. */
  readonly streamId: string;
  readonly epoch: number;
  /** Absolute in the stream: where the commit starts. */
  readonly page: number;
  readonly number: number;
  /** Of its first message; of the message that will come next, when it has none. */
  readonly firstSequenceNumber: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  /** Eight pages; NO_PAGE for none. See skipsAfter. */
  readonly skips: readonly number[];
  readonly messageCount: number;
  readonly lastInSegment: boolean;
}

export interface CommitHeader extends CommitPlace {
  readonly batchCount: number;
  /** Bytes of batches and checkpoint. */
  readonly bodyBytes: number;
  /** 0 for none. */
  readonly checkpointBytes: number;
  /** Of the whole commit, in whole pages. */
  readonly byteLength: number;
  readonly pages: number;
}

/** Where a commit has to belong to be the one asked for. */
export interface ExpectedPlace {
  readonly page?: number | undefined;
  readonly streamId?: string | undefined;
}

/** How many pages a commit with a body of `bodyBytes` takes. */
export function commitPages(bodyBytes: number): number {
  return Math.ceil((COMMIT_HEADER_BYTES + bodyBytes + TRAILER_BYTES) / PAGE_BYTES);
}

/** How many bytes, in whole pages, a commit with a body of `bodyBytes` takes. */
export function commitByteLength(bodyBytes: number): number {
  return commitPages(bodyBytes) * PAGE_BYTES;
}

/** The largest body of a commit that may take up to `maxCommitBytes`. */
export function commitBodyCapacity(maxCommitBytes = MAX_COMMIT_BYTES): number {
  const pages = Math.floor(Math.min(maxCommitBytes, MAX_COMMIT_BYTES) / PAGE_BYTES);
  return Math.max(0, pages * PAGE_BYTES - COMMIT_HEADER_BYTES - TRAILER_BYTES);
}

/**
 * Reads the commit header that starts at `at`. Magic and version first, then the CRC, and only then any other field.
 * Throws FramingError; `wrong_place` for a good header that is not where or of which stream `expected` says.
 */
export function decodeCommitHeader(bytes: Uint8Array, at = 0, expected: ExpectedPlace = {}): CommitHeader {
  requireBytes(bytes, at, COMMIT_HEADER_BYTES, 'a commit header');
  const view = viewOf(bytes);
  requireGenuine(bytes, view, at);
  const place = readPlace(bytes, view, at);
  const batchCount = view.getUint32(at + COMMIT_FIELDS.batchCount.at, true);
  const bodyBytes = view.getUint32(at + COMMIT_FIELDS.bodyBytes.at, true);
  const checkpointBytes = view.getUint32(at + COMMIT_FIELDS.checkpointBytes.at, true);
  const pages = commitPages(bodyBytes);
  const header = { ...place, batchCount, bodyBytes, checkpointBytes, pages, byteLength: pages * PAGE_BYTES };
  requirePossible(header, at);
  requirePlace(header, expected, at);
  return header;
}

/** Over all of the header but the CRC itself: a flipped flag would make a segment end where it does not. */
function headerCrc(bytes: Uint8Array, at: number): number {
  const before = crc32(bytes.subarray(at, at + COMMIT_FIELDS.headerCrc.at));
  return crc32(bytes.subarray(at + COMMIT_FIELDS.bodyCrc.at, at + COMMIT_HEADER_BYTES), before);
}

/** Magic, version, CRC, flags and reserved. */
function requireGenuine(bytes: Uint8Array, view: DataView, at: number): void {
  if (view.getUint32(at, true) !== MAGIC) throw new FramingError('bad_magic', at, 'not a commit');
  const version = view.getUint16(at + COMMIT_FIELDS.version.at, true);
  if (version !== VERSION) {
    throw new FramingError('unsupported_version', at + COMMIT_FIELDS.version.at, `commit version ${version}`);
  }
  const crc = view.getUint32(at + COMMIT_FIELDS.headerCrc.at, true);
  if (headerCrc(bytes, at) !== crc) {
    throw new FramingError(
      'bad_crc',
      at + COMMIT_FIELDS.headerCrc.at,
      'the commit header does not match its CRC',
    );
  }
  if (view.getUint16(at + COMMIT_FIELDS.flags.at, true) > LAST_IN_SEGMENT) {
    throw new FramingError('reserved_not_zero', at + COMMIT_FIELDS.flags.at, 'unknown flags');
  }
  requireZeroU32(view, at + COMMIT_FIELDS.reserved.at, 'the reserved field');
  requireZeroU32(view, at + COMMIT_FIELDS.reserved.at + 4, 'the reserved field');
}

function readPlace(bytes: Uint8Array, view: DataView, at: number): CommitPlace {
  return {
    streamId: readUuid(bytes, at + COMMIT_FIELDS.streamId.at),
    epoch: getU64(view, at + COMMIT_FIELDS.epoch.at, 'epoch'),
    page: getU64(view, at + COMMIT_FIELDS.page.at, 'page'),
    number: getU64(view, at + COMMIT_FIELDS.number.at, 'commit number'),
    firstSequenceNumber: getU64(view, at + COMMIT_FIELDS.firstSequenceNumber.at, 'sequence number'),
    timestamp: getU64(view, at + COMMIT_FIELDS.timestamp.at, 'timestamp'),
    skips: readSkips(view, at + COMMIT_FIELDS.skips.at),
    messageCount: view.getUint32(at + COMMIT_FIELDS.messageCount.at, true),
    lastInSegment: view.getUint16(at + COMMIT_FIELDS.flags.at, true) === LAST_IN_SEGMENT,
  };
}

function readSkips(view: DataView, at: number): number[] {
  return Array.from({ length: SKIP_LEVELS }, (_, level) => {
    const place = at + level * 8;
    return isU64AllOnes(view, place) ? NO_PAGE : getU64(view, place, 'skip pointer');
  });
}

/** Refuses, when reading and when writing, fields that contradict each other or a limit. */
function requirePossible(header: CommitHeader, at: number): void {
  if (header.byteLength > MAX_COMMIT_BYTES) {
    throw new FramingError(
      'too_large',
      at + COMMIT_FIELDS.bodyBytes.at,
      `a commit of ${header.byteLength} bytes`,
    );
  }
  if (header.checkpointBytes > header.bodyBytes) {
    throw new FramingError(
      'bad_length',
      at + COMMIT_FIELDS.checkpointBytes.at,
      'the checkpoint is longer than the body',
    );
  }
  if (header.messageCount > MAX_COMMIT_MESSAGES) {
    throw new FramingError(
      'bad_count',
      at + COMMIT_FIELDS.messageCount.at,
      `${header.messageCount} messages`,
    );
  }
  if (header.page + header.pages - 1 > MAX_PAGE) {
    throw new FramingError(
      'bad_value',
      at + COMMIT_FIELDS.page.at,
      `the commit reaches past page ${MAX_PAGE}`,
    );
  }
  if (header.firstSequenceNumber + header.messageCount > Number.MAX_SAFE_INTEGER) {
    throw new FramingError(
      'bad_value',
      at + COMMIT_FIELDS.firstSequenceNumber.at,
      'sequence numbers above 2^53 - 1',
    );
  }
  if (header.timestamp > MAX_TIMESTAMP) {
    throw new FramingError('bad_value', at + COMMIT_FIELDS.timestamp.at, 'a timestamp above 2^48 - 1');
  }
  requireSkips(header, at + COMMIT_FIELDS.skips.at);
}

function requirePlace(header: CommitHeader, expected: ExpectedPlace, at: number): void {
  if (expected.streamId !== undefined && header.streamId !== expected.streamId.toLowerCase()) {
    const detail = `a commit of stream ${header.streamId}, expected ${expected.streamId}`;
    throw new FramingError('wrong_place', at + COMMIT_FIELDS.streamId.at, detail);
  }
  if (expected.page !== undefined && header.page !== expected.page) {
    const detail = `a commit of page ${header.page}, expected ${expected.page}`;
    throw new FramingError('wrong_place', at + COMMIT_FIELDS.page.at, detail);
  }
}

/** Writes a header into the first 160 bytes; the body's CRC must be known. */
export function writeCommitHeader(bytes: Uint8Array, header: CommitHeader, bodyCrc: number): void {
  const view = viewOf(bytes);
  bytes.fill(0, 0, COMMIT_HEADER_BYTES);
  view.setUint32(COMMIT_FIELDS.magic.at, MAGIC, true);
  view.setUint16(COMMIT_FIELDS.version.at, VERSION, true);
  view.setUint16(COMMIT_FIELDS.flags.at, header.lastInSegment ? LAST_IN_SEGMENT : 0, true);
  view.setUint32(COMMIT_FIELDS.bodyCrc.at, bodyCrc, true);
  writePlace(bytes, view, header);
  putU32(view, COMMIT_FIELDS.messageCount.at, header.messageCount, 'message count');
  view.setUint32(COMMIT_FIELDS.batchCount.at, header.batchCount, true);
  view.setUint32(COMMIT_FIELDS.bodyBytes.at, header.bodyBytes, true);
  view.setUint32(COMMIT_FIELDS.checkpointBytes.at, header.checkpointBytes, true);
  requirePossible(header, 0);
  view.setUint32(COMMIT_FIELDS.headerCrc.at, headerCrc(bytes, 0), true);
}

function writePlace(bytes: Uint8Array, view: DataView, place: CommitPlace): void {
  writeUuid(bytes, COMMIT_FIELDS.streamId.at, place.streamId, 'stream id');
  putU64(view, COMMIT_FIELDS.epoch.at, place.epoch, 'epoch');
  putU64(view, COMMIT_FIELDS.page.at, place.page, 'page');
  putU64(view, COMMIT_FIELDS.number.at, place.number, 'commit number');
  putU64(view, COMMIT_FIELDS.firstSequenceNumber.at, place.firstSequenceNumber, 'sequence number');
  putU64(view, COMMIT_FIELDS.timestamp.at, place.timestamp, 'timestamp');
  place.skips.forEach((page, level) => {
    if (level >= SKIP_LEVELS) return;
    const at = COMMIT_FIELDS.skips.at + level * 8;
    if (page === NO_PAGE) putU64AllOnes(view, at);
    else putU64(view, at, page, 'skip pointer');
  });
}
