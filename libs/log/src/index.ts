export { isLogError, LogError, type LogErrorCode, type LogErrorDetails } from './errors.ts';
export { applyRetention, type RetentionOptions, type RetentionPolicy } from './retention.ts';
export {
  byteInSegment,
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
export type { AppendOptions, AppendResult, StreamWriter, WriterStats } from './writer/stream-writer.ts';
