import type { NameRole } from '../names.ts';

export type PolicyRole = Exclude<NameRole, 'none'>;

/** How the value of a field is written outside. */
export type FieldForm = 'text' | 'flag' | 'count' | 'size' | 'duration' | 'instant';

export interface PolicyField {
  /** As it is called in JSON; in Atom the same with a capital first. */
  readonly name: string;
  /** As it is stored. */
  readonly stored: string;
  readonly form: FieldForm;
  /** Settled when the role is assigned. */
  readonly fixed?: boolean;
}

const COMMON: readonly PolicyField[] = [
  { name: 'authorization', stored: 'authorization', form: 'text' },
  { name: 'discoverability', stored: 'discoverability', form: 'text' },
  { name: 'expirationInstant', stored: 'expiresAt', form: 'instant' },
  { name: 'transportProtection', stored: 'transportProtection', form: 'text' },
];
const MAX_MESSAGE_SIZE: PolicyField = { name: 'maxMessageSize', stored: 'maxMessageSize', form: 'size' };
const LIMITED: readonly PolicyField[] = [
  { name: 'maxQueueLength', stored: 'maxQueueLength', form: 'count' },
  { name: 'maxQueueCapacity', stored: 'maxQueueCapacityBytes', form: 'size' },
  { name: 'overflow', stored: 'overflow', form: 'text' },
];

/**
 * The fields of each role's policy, as clients write them and as they are stored. Segments are made to measure and
 * cursors mean something else under another distribution, so these are fixed.
 */
export const POLICY_FIELDS: Readonly<Record<PolicyRole, readonly PolicyField[]>> = {
  stream: [
    ...COMMON,
    MAX_MESSAGE_SIZE,
    { name: 'retentionAge', stored: 'retentionAgeMs', form: 'duration' },
    { name: 'retentionBytes', stored: 'retentionBytes', form: 'size' },
    { name: 'segmentBytes', stored: 'segmentBytes', form: 'size', fixed: true },
    { name: 'segmentCommits', stored: 'segmentCommits', form: 'count', fixed: true },
  ],
  queue: [
    ...COMMON,
    MAX_MESSAGE_SIZE,
    { name: 'maxMessageAge', stored: 'maxMessageAgeMs', form: 'duration' },
    ...LIMITED,
    { name: 'lockDuration', stored: 'lockDurationMs', form: 'duration' },
    { name: 'maxDequeueRetries', stored: 'maxDequeueRetries', form: 'count' },
    { name: 'poisonMessageDrop', stored: 'poisonMessageDrop', form: 'flag' },
    { name: 'enqueueTimeout', stored: 'enqueueTimeoutMs', form: 'duration' },
    { name: 'maxConcurrentReaders', stored: 'maxConcurrentReaders', form: 'count' },
  ],
  router: [
    ...COMMON,
    { name: 'messageDistribution', stored: 'distribution', form: 'text', fixed: true },
    MAX_MESSAGE_SIZE,
    { name: 'maxSubscribers', stored: 'maxSubscribers', form: 'count' },
    { name: 'pushDeliveryRetries', stored: 'pushDeliveryRetries', form: 'count' },
    { name: 'pushDeliveryTimeout', stored: 'pushDeliveryTimeoutMs', form: 'duration' },
    { name: 'bufferTimeout', stored: 'bufferTimeoutMs', form: 'duration' },
    ...LIMITED,
  ],
  'connection-point': COMMON,
  metadata: [...COMMON, { name: 'uri', stored: 'uri', form: 'text' }],
};

/** Other names a field is known by: what a stream calls retention is the age of its messages. */
export const POLICY_ALIASES: Readonly<Partial<Record<PolicyRole, Readonly<Record<string, string>>>>> = {
  stream: { maxMessageAge: 'retentionAge' },
};
