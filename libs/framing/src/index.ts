export {
  type BatchContents,
  checkBatch,
  decodeBatch,
  decodeStoredBatch,
  encodeBatch,
  withProducer,
} from './batch.ts';
export { BatchBuilder, type BatchBuilderOptions } from './batch-builder.ts';
export {
  type BatchCodec,
  type BatchHeader,
  decodeBatchHeader,
  type ProducerIdentity,
} from './batch-header.ts';
export {
  decodeProducerCheckpoint,
  encodeProducerCheckpoint,
  type ProducerAnswer,
  type ProducerEntry,
} from './checkpoint.ts';
export {
  type Commit,
  CommitBody,
  commitRoom,
  type DecodedCommit,
  decodeCommit,
  encodeCommit,
  isBlank,
} from './commit.ts';
export {
  type CommitHeader,
  type CommitPlace,
  commitBodyCapacity,
  commitByteLength,
  commitPages,
  decodeCommitHeader,
  type ExpectedPlace,
} from './commit-header.ts';
export { FramingError, type FramingErrorCode } from './errors.ts';
export { elementSources, memberSource } from './json-source.ts';
export {
  BATCH_HEADER_BYTES,
  COMMIT_HEADER_BYTES,
  MAX_BATCH_BYTES,
  MAX_BATCH_MESSAGES,
  MAX_CHECKPOINT_ANSWERS,
  MAX_CHECKPOINT_PRODUCERS,
  MAX_COMMIT_BYTES,
  MAX_COMMIT_MESSAGES,
  MAX_HEADER_NAME_BYTES,
  MAX_HEADER_VALUE_BYTES,
  MAX_HEADERS,
  MAX_KEY_BYTES,
  MAX_PAGE,
  MAX_RECORDS_BYTES,
  MAX_TIMESTAMP,
  NO_PAGE,
  PAGE_BYTES,
  TRAILER_BYTES,
} from './limits.ts';
export { type MessageIdParts, messageId, parseMessageId, streamHash } from './message-id.ts';
export { contentJson, headersJson } from './message-json.ts';
export { decodeOffset, encodeOffset, type MessagePlace } from './offset.ts';
export type { Message, MessageHeader, ValueKind } from './record.ts';
export { SKIP_LEVELS, type SkipSource, skipsAfter } from './skips.ts';
export { readTrailer } from './trailer.ts';
export { formatUuid, isUuid, NIL_UUID } from './uuid.ts';
