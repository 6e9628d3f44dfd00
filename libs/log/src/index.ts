export { type CreateOptions, createStream } from './create.ts';
export { isLogError, LogError, type LogErrorCode, type LogErrorDetails } from './errors.ts';
export { ChunkCache } from './reader/chunk-cache.ts';
export { iterateMessages, type ReadMessage } from './reader/messages.ts';
export type { Position, StreamBounds } from './reader/positions.ts';
export { defaultReaderSettings, type ReaderSettings } from './reader/settings.ts';
export type { StoredCommit } from './reader/stored-commit.ts';
export {
  openReader,
  type ReaderOptions,
  type ReadRequest,
  type ReadResult,
  type StreamReader,
} from './reader/stream-reader.ts';
export { applyRetention, type RetentionOptions, type RetentionPolicy } from './retention.ts';
export {
  byteInSegment,
  type LandedCommit,
  type StreamRef,
  segmentFirstPage,
  segmentName,
  segmentPages,
  segmentRef,
  type Tail,
} from './stream.ts';
export type { Leadership } from './writer/leadership.ts';
export { openWriter, type WriterOptions } from './writer/open.ts';
export { defaultWriterSettings, type WriterSettings } from './writer/settings.ts';
export type {
  AppendOptions,
  AppendResult,
  OnCommit,
  StreamWriter,
  WriterStats,
} from './writer/stream-writer.ts';
