import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defaultLimits,
  formatDuration,
  limitsSchema,
  parseDurationMs,
  parseSizeBytes,
  UnitError,
} from '../src/index.ts';

describe('durations', () => {
  it.each([
    ['60s', 60_000],
    ['250ms', 250],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['PT60S', 60_000],
    ['PT0.25S', 250],
    ['P1DT2H3M4S', 93_784_000],
    ['P2W', 1_209_600_000],
  ])('reads %s', (text, ms) => expect(parseDurationMs(text)).toBe(ms));

  it.each(['', '60', 's', '-5s', '5 s', 'P', 'PT', 'P1DT', 'P1Y', 'P1M', '1e3s', '99999999999999999d'])(
    'refuses %j',
    (text) => {
      expect(() => parseDurationMs(text)).toThrow(UnitError);
    },
  );

  it('come back from their ISO 8601 form', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 12), (ms) => void expect(parseDurationMs(formatDuration(ms))).toBe(ms)),
    );
  });
});

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['64KiB', 65_536],
    ['1GiB', 2 ** 30],
    ['1.5 MiB', 1_572_864],
    ['10MB', 10_000_000],
    ['7B', 7],
  ])('reads %s', (text, bytes) => expect(parseSizeBytes(text)).toBe(bytes));

  it.each(['', 'KiB', '-1', '1 kb', '1PiB', '99999999TiB'])('refuses %j', (text) => {
    expect(() => parseSizeBytes(text)).toThrow(UnitError);
  });
});

describe('limits', () => {
  it('can be changed one at a time and keep the rest', () => {
    const changed = limitsSchema.parse({ http: { maxBodyBytes: 1000 } });
    expect(changed).toEqual({ ...defaultLimits, http: { ...defaultLimits.http, maxBodyBytes: 1000 } });
  });

  it('refuse what is unknown, zero or negative', () => {
    for (const wrong of [
      { http: { maxBody: 1 } },
      { read: { maxBytes: 0 } },
      { sse: { heartbeatMs: -1 } },
      { writer: { checkpointEvery: 63 } },
    ]) {
      expect(limitsSchema.safeParse(wrong).success).toBe(false);
    }
  });
});
