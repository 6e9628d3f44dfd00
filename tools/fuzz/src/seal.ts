import { crc32 } from 'node:zlib';

/*
 * Puts checksums and lengths right again after something was changed, so that a decoder gets past them to the code
 * behind. Offsets are those of docs/format.md, written down a second time on purpose: the codecs' own tables would
 * hide a mistake in them.
 */

const BATCH_HEADER_BYTES = 56;
const COMMIT_HEADER_BYTES = 160;

/** A Buffer over the same memory. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Puts the CRC of a batch right. */
export function sealBatch(batch: Uint8Array): Uint8Array {
  if (batch.byteLength >= BATCH_HEADER_BYTES) bufferOver(batch).writeUInt32LE(crc32(batch.subarray(16)), 12);
  return batch;
}

/** Puts the length of a batch right. */
export function setBatchLength(batch: Uint8Array): Uint8Array {
  if (batch.byteLength >= BATCH_HEADER_BYTES) bufferOver(batch).writeUInt32LE(batch.byteLength, 8);
  return batch;
}

/** Puts the two CRCs of a commit right: that of the body as far as its header says it goes, then that of the header. */
export function sealCommit(commit: Uint8Array): Uint8Array {
  if (commit.byteLength < COMMIT_HEADER_BYTES) return commit;
  const buffer = bufferOver(commit);
  const bodyEnd = Math.min(COMMIT_HEADER_BYTES + buffer.readUInt32LE(80), commit.byteLength);
  buffer.writeUInt32LE(crc32(commit.subarray(COMMIT_HEADER_BYTES, bodyEnd)), 12);
  return sealCommitHeader(commit);
}

/** Puts the header CRC of a commit right and leaves that of the body. */
export function sealCommitHeader(commit: Uint8Array): Uint8Array {
  if (commit.byteLength < COMMIT_HEADER_BYTES) return commit;
  const crc = crc32(commit.subarray(12, COMMIT_HEADER_BYTES), crc32(commit.subarray(0, 8)));
  bufferOver(commit).writeUInt32LE(crc, 8);
  return commit;
}

/** Frames records that need not be any into a batch whose lengths and CRC are right. */
export function frameBatch(options: {
  header: Uint8Array;
  payload: Uint8Array;
  count: number;
  recordsBytes: number;
  zstd: boolean;
}): Uint8Array {
  const batch = Buffer.concat([options.header.subarray(0, BATCH_HEADER_BYTES), options.payload]);
  batch.writeUInt8(options.zstd ? 1 : 0, 5);
  batch.writeUInt32LE(options.count, 16);
  batch.writeUInt32LE(options.recordsBytes, 20);
  return sealBatch(setBatchLength(batch));
}

/** Wraps a body that need not be one into a commit whose lengths, padding, trailer and CRCs are right. */
export function frameCommit(options: {
  header: Uint8Array;
  body: Uint8Array;
  batchCount: number;
  messageCount: number;
  checkpointBytes: number;
}): Uint8Array {
  const { header, body } = options;
  const byteLength = Math.ceil((COMMIT_HEADER_BYTES + body.byteLength + 8) / 512) * 512;
  const commit = Buffer.alloc(byteLength);
  commit.set(header.subarray(0, COMMIT_HEADER_BYTES));
  commit.set(body, COMMIT_HEADER_BYTES);
  commit.writeUInt32LE(options.messageCount, 72);
  commit.writeUInt32LE(options.batchCount, 76);
  commit.writeUInt32LE(body.byteLength, 80);
  commit.writeUInt32LE(options.checkpointBytes, 84);
  commit.write('MVT1', byteLength - 8, 'latin1');
  commit.writeUInt32LE(byteLength, byteLength - 4);
  return sealCommit(commit);
}
