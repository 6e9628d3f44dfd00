export { containerName } from './containers.ts';
export { DocumentError, type DocumentErrorCode, NameError, UnitError, type UnitErrorCode } from './errors.ts';
export {
  encodeLeaderDocument,
  LEADER_LEASE,
  LEADER_PATH,
  type LeaderDocument,
  parseLeaderDocument,
} from './leader-document.ts';
export { defaultLimits, type Limits, limitsSchema } from './limits.ts';
export { encodeNameDocument, type NameDocument, parseNameDocument } from './name-document.ts';
export { nameOfPath, namePath, namePathPrefix } from './name-paths.ts';
export {
  isName,
  MAX_NAME_CHARS,
  MAX_SEGMENT_CHARS,
  type NameRole,
  parseName,
  parseNamePrefix,
  RESERVED_SEGMENT,
  ROLES,
} from './names.ts';
export { defaultStreamPolicy, MAX_MESSAGE_BYTES, type StreamPolicy, streamPolicySchema } from './policy.ts';
export { formatDuration, parseDurationMs, parseSizeBytes } from './units.ts';
