import { describe, expect, it } from 'vitest';
import type { DeliveryResult } from '../../src/index.ts';
import { resultOf, retryAfterMs } from '../../src/webhook/answers.ts';

const now = Date.UTC(2026, 10, 20, 8);
const context = { now, maxRetryAfterMs: 3_600_000 };
const outcomes: Record<Exclude<DeliveryResult['outcome'], 'later'>, (status: number) => boolean> = {
  delivered: (status) => status >= 200 && status < 300,
  gone: (status) => status === 410,
  refused: (status) => [413, 415, 422, 431].includes(status),
  retry: () => true,
};

describe('the answer to a push', () => {
  it('means one thing, for every status there can be', () => {
    for (let status = 200; status <= 999; status += 1) {
      const [expected] = Object.entries(outcomes).find(([, covers]) => covers(status)) ?? [];
      const result = resultOf({ status, headers: {} }, context);
      expect(result.outcome, String(status)).toBe(expected);
      if (result.outcome !== 'delivered') expect(result.reason).toContain(`answered ${status}`);
    }
  });

  it('says when to come back', () => {
    const headers = { 'retry-after': '7' };
    expect(resultOf({ status: 429, headers }, context)).toMatchObject({ outcome: 'retry', afterMs: 7000 });
    expect(resultOf({ status: 503, headers }, context)).toMatchObject({ outcome: 'retry', afterMs: 7000 });
  });

  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Fri, 20 Nov 2026 08:00:30 GMT', 30_000],
    ['Fri, 20 Nov 2026 07:00:00 GMT', 0],
    ['99999999999999999999', 3_600_000],
    ['Fri, 20 Nov 2099 08:00:30 GMT', 3_600_000],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('with Retry-After %j: %s ms', (value, expected) => {
    expect(retryAfterMs(value, context)).toBe(expected);
  });
});
