import { describe, expect, it } from 'vitest';
import {
  fixedDifferences,
  formatPolicy,
  POLICY_ROLES,
  PolicyError,
  parsePolicy,
  withFixedFields,
} from '../src/index.ts';

const REFERENCE = { uri: 'https://example.org/a' };

function refused(json: unknown): PolicyError {
  try {
    parsePolicy(json);
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('the policy was taken');
}

describe('a policy', () => {
  it.each(POLICY_ROLES)(
    'of a %s needs nothing but what has no default, and reads as it may be written',
    (role) => {
      const taken = parsePolicy({ role, ...(role === 'metadata' ? REFERENCE : {}) });
      expect(taken.policy).toMatchObject({
        authorization: 'required',
        discoverability: 'managers',
        transportProtection: 'none',
      });
      expect(parsePolicy(formatPolicy(taken))).toEqual(taken);
    },
  );

  it('takes durations, instants and sizes in every form there is', () => {
    const { policy } = parsePolicy({
      role: 'queue',
      lockDuration: 'PT60S',
      maxMessageAge: '7d',
      maxQueueCapacity: '1GiB',
      maxMessageSize: 4096,
      expirationInstant: '2027-01-01T00:00:00+01:00',
    });
    expect(policy).toMatchObject({
      lockDurationMs: 60_000,
      maxMessageAgeMs: 604_800_000,
      maxQueueCapacityBytes: 2 ** 30,
      maxMessageSize: 4096,
      expiresAt: Date.parse('2026-12-31T23:00:00Z'),
    });
    expect(formatPolicy(parsePolicy({ role: 'queue', lockDuration: '60s' }))).toMatchObject({
      lockDuration: 'PT60S',
    });
  });

  it('calls the retention of a stream the age of its messages too', () => {
    expect(parsePolicy({ role: 'stream', maxMessageAge: 'PT1H' })).toEqual(
      parsePolicy({ role: 'stream', retentionAge: '1h', maxMessageAge: '60m' }),
    );
  });

  it.each<[string, unknown, string, RegExp]>([
    ['no object', [], '', /an object of policy fields/],
    ['no role', {}, 'role', /one of stream, queue, router, connection-point, metadata/],
    ['the role none', { role: 'none' }, 'role', /one of stream/],
    ['a role nobody has heard of', { role: 'topic' }, 'role', /"topic".*one of stream/],
    ['an unknown field', { role: 'queue', colour: 'red' }, 'colour', /no field of a queue.*lockDuration/],
    [
      'a field of another role',
      { role: 'stream', lockDuration: 'PT1S' },
      'lockDuration',
      /no field of a stream/,
    ],
    [
      'a duration without unit',
      { role: 'queue', lockDuration: 60 },
      'lockDuration',
      /is 60: expected a duration/,
    ],
    ['a duration of months', { role: 'queue', lockDuration: 'P1M' }, 'lockDuration', /one like 60s/],
    ['a lock of nothing', { role: 'queue', lockDuration: 'PT0S' }, 'lockDuration', /at least PT1S/],
    ['a lock beyond seven days', { role: 'queue', lockDuration: 'P8D' }, 'lockDuration', /at most PT604800S/],
    [
      'an instant without offset',
      { role: 'queue', expirationInstant: '2027-01-01T00:00:00' },
      'expirationInstant',
      /an instant like/,
    ],
    [
      'an instant that is none',
      { role: 'queue', expirationInstant: '2027-13-01T00:00:00Z' },
      'expirationInstant',
      /an instant like/,
    ],
    [
      'a choice that is none',
      { role: 'router', messageDistribution: 'some' },
      'messageDistribution',
      /one of all, one/,
    ],
    ['a count that is a text', { role: 'queue', maxQueueLength: 'many' }, 'maxQueueLength', /a whole number/],
    ['a fraction of a message', { role: 'queue', maxQueueLength: 1.5 }, 'maxQueueLength', /a whole number/],
    ['a queue of no length', { role: 'queue', maxQueueLength: 0 }, 'maxQueueLength', /more than 0/],
    [
      'a day no month has',
      { role: 'queue', expirationInstant: '2027-02-30T00:00:00Z' },
      'expirationInstant',
      /2026-11-20T07:00:00Z/,
    ],
    ['a negative count', { role: 'queue', maxDequeueRetries: -1 }, 'maxDequeueRetries', /at least 0/],
    [
      'a flag that is a text',
      { role: 'queue', poisonMessageDrop: 'yes' },
      'poisonMessageDrop',
      /true or false/,
    ],
    [
      'a size that is none',
      { role: 'stream', maxMessageSize: '4 apples' },
      'maxMessageSize',
      /one like 4096/,
    ],
    ['a null', { role: 'stream', maxMessageSize: null }, 'maxMessageSize', /a whole number/],
    ['no reference', { role: 'metadata' }, 'uri', /missing/],
    [
      'a reference that runs code',
      { role: 'metadata', uri: 'javascript:alert(1)' },
      'uri',
      /carries no code/,
    ],
    ['a reference with a line break', { role: 'metadata', uri: 'https://a/\r\nX: y' }, 'uri', /absolute URI/],
    [
      'ages that differ',
      { role: 'stream', maxMessageAge: '1h', retentionAge: '2h' },
      'retentionAge',
      /differ/,
    ],
    [
      'messages larger than the queue',
      { role: 'queue', maxMessageSize: 2000, maxQueueCapacity: 1000 },
      'maxMessageSize',
      /never find room/,
    ],
    [
      'locks longer than messages live',
      { role: 'queue', lockDuration: '2m', maxMessageAge: '1m' },
      'lockDuration',
      /gone before.*at most PT60S/,
    ],
    [
      'pushes longer than messages wait',
      { role: 'router', pushDeliveryTimeout: '20s', bufferTimeout: '10s' },
      'pushDeliveryTimeout',
      /given up/,
    ],
  ])('with %s is refused, and it is said what was expected', (_what, json, field, says) => {
    const error = refused(json);
    expect(error.field).toBe(field);
    expect(error.message).toMatch(says);
  });
});

describe('a changed policy', () => {
  const now = parsePolicy({ role: 'stream', segmentBytes: '16MiB', maxMessageSize: 10 });

  it('keeps what is settled when it leaves it out, and has defaults for the rest', () => {
    const next = parsePolicy(withFixedFields({ retentionAge: '1h' }, now), now.role);
    expect(next.policy).toMatchObject({
      segmentBytes: 2 ** 24,
      retentionAgeMs: 3_600_000,
      maxMessageSize: 4_128_768,
    });
    expect(fixedDifferences(now, next)).toEqual([]);
  });

  it('is told which of its fields are settled', () => {
    expect(fixedDifferences(now, parsePolicy({ role: 'stream', segmentCommits: 5 }))).toEqual([
      'segmentBytes',
      'segmentCommits',
    ]);
    expect(fixedDifferences(now, parsePolicy({ role: 'queue' }))).toEqual(['role']);
    const router = parsePolicy({ role: 'router' });
    expect(fixedDifferences(router, parsePolicy({ role: 'router', messageDistribution: 'one' }))).toEqual([
      'messageDistribution',
    ]);
  });
});
