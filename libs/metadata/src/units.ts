import { UnitError } from './errors.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
};

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const SHORT_DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
// Years and months have no fixed length, so they are not taken.
const ISO_DURATION =
  /^P(?=\d|T\d)(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?=\d)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const ISO_UNITS_MS = [7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS];
const SIZE = /^(\d+(?:\.\d+)?) ?([KMGT]i?B|B|)$/;

/** Milliseconds of `60s`, `5m`, `1.5h`, `250ms`, `7d`, or of an ISO 8601 duration without years and months (`PT60S`). */
export function parseDurationMs(text: string): number {
  const ms = shortDurationMs(text) ?? isoDurationMs(text);
  if (ms === undefined || !Number.isSafeInteger(ms)) {
    throw new UnitError(
      'bad_duration',
      `${JSON.stringify(text)} is no duration: expected one like 60s, 5m, 7d or PT60S`,
    );
  }
  return ms;
}

function shortDurationMs(text: string): number | undefined {
  const match = SHORT_DURATION.exec(text);
  const unit = DURATION_UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

function isoDurationMs(text: string): number | undefined {
  const match = ISO_DURATION.exec(text);
  if (match === null) return undefined;
  const total = ISO_UNITS_MS.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
  return Math.round(total);
}

/** ISO 8601 form of a duration in milliseconds: `PT60S`, `PT0.25S`. */
export function formatDuration(ms: number): string {
  return `PT${ms / SECOND_MS}S`;
}

/** Bytes of `1024`, `64KiB`, `1.5 GiB`, `10MB` (decimal without the `i`). */
export function parseSizeBytes(text: string): number {
  const match = SIZE.exec(text);
  const unit = SIZE_UNITS[match?.[2] ?? 'none'];
  const bytes = match === null || unit === undefined ? Number.NaN : Math.round(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) {
    throw new UnitError(
      'bad_size',
      `${JSON.stringify(text)} is no size: expected one like 4096, 64KiB or 1GiB`,
    );
  }
  return bytes;
}
