export { isLogError, LogError, type LogErrorCode, type LogErrorDetails } from './errors.ts';
export {
  byteInSegment,
  MAX_PAGE,
  type StreamRef,
  segmentFirstPage,
  segmentName,
  segmentPages,
  segmentRef,
  type Tail,
} from './stream.ts';
