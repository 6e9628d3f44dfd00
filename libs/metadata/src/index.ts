export { containerName } from './containers.ts';
export { deadLetterName, deadLetterOf, deadLetterOwner, intakeOf } from './derived-documents.ts';
export {
  DocumentError,
  type DocumentErrorCode,
  NameError,
  PolicyError,
  UnitError,
  type UnitErrorCode,
} from './errors.ts';
export {
  encodeLeaderDocument,
  LEADER_LEASE,
  LEADER_PATH,
  type LeaderDocument,
  parseLeaderDocument,
} from './leader-document.ts';
export { defaultLimits, type Limits, limitsSchema } from './limits.ts';
export {
  encodeNameChanges,
  MAX_NAME_CHANGES,
  NAME_CHANGES_PATH,
  type NameChanges,
  parseNameChanges,
} from './name-changes.ts';
export {
  type ConnectionPointDocument,
  encodeNameDocument,
  encodeRemovedName,
  epochOf,
  type MetadataDocument,
  type NameDocument,
  parseNameDocument,
  parseNameRecord,
  type QueueDocument,
  type RemovedName,
  type RouterDocument,
  type StreamDocument,
} from './name-document.ts';
export { type NameSummary, nameLabel, parseNameLabel, summaryOf } from './name-label.ts';
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
export { type CommonPolicy, commonPolicySchema, type Overflow } from './policies/common.ts';
export { POLICY_FIELDS, type PolicyField, type PolicyRole } from './policies/fields.ts';
export { POLICY_ROLES, type RolePolicy } from './policies/policy.ts';
export { fixedDifferences, formatPolicy, parsePolicy, withFixedFields } from './policies/policy-json.ts';
export { MAX_DEQUEUE_RETRIES, type QueuePolicy, queuePolicySchema } from './policies/queue.ts';
export { type MetadataPolicy, metadataPolicySchema } from './policies/reference.ts';
export { MAX_SUBSCRIBERS, type RouterPolicy, routerPolicySchema } from './policies/router.ts';
export {
  defaultStreamPolicy,
  MAX_MESSAGE_BYTES,
  type StreamPolicy,
  streamPolicySchema,
} from './policies/stream.ts';
export {
  encodeTrashDocument,
  parseTrashDocument,
  TRASH_PREFIX,
  type TrashDocument,
  trashPath,
} from './trash.ts';
export { formatDuration, parseDurationMs, parseSizeBytes } from './units.ts';
