import { PolicyError } from '../errors.ts';
import { formatDuration } from '../units.ts';

/** One stored field that must not be above another, and why. Only looked at when both were given. */
interface Rule {
  readonly stored: string;
  readonly atMost: string;
  readonly field: string;
  readonly says: string;
}

const RULES: readonly Rule[] = [
  {
    stored: 'maxMessageSize',
    atMost: 'maxQueueCapacityBytes',
    field: 'maxMessageSize',
    says: 'maxMessageSize is above maxQueueCapacity, so a message of that size would never find room',
  },
  {
    stored: 'lockDurationMs',
    atMost: 'maxMessageAgeMs',
    field: 'lockDuration',
    says: 'lockDuration is above maxMessageAge, so a message would be gone before its lock ends',
  },
  {
    stored: 'pushDeliveryTimeoutMs',
    atMost: 'bufferTimeoutMs',
    field: 'pushDeliveryTimeout',
    says: 'pushDeliveryTimeout is above bufferTimeout, so a message would be given up during its first push',
  },
];

/** Throws PolicyError when fields that were given can't hold together. */
export function refuseContradictions(given: Readonly<Record<string, unknown>>): void {
  for (const { stored, atMost, field, says } of RULES) {
    const value = given[stored];
    const bound = given[atMost];
    if (typeof value !== 'number' || typeof bound !== 'number' || value <= bound) continue;
    throw new PolicyError(field, says, `at most ${stored.endsWith('Ms') ? formatDuration(bound) : bound}`);
  }
}
