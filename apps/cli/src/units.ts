import { parseDurationMs, parseSizeBytes } from '@message-vault/metadata';
import { InvalidArgumentError } from 'commander';

/** What command lines say, as numbers; for Commander, which shows what an InvalidArgumentError says. */

export function durationMs(text: string): number {
  try {
    return parseDurationMs(text);
  } catch {
    throw new InvalidArgumentError('expected a duration such as 60s, 5m, 7d or PT60S');
  }
}

export function sizeBytes(text: string): number {
  try {
    return parseSizeBytes(text);
  } catch {
    throw new InvalidArgumentError('expected a size such as 65536 or 256KiB');
  }
}

export function wholeNumber(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new InvalidArgumentError('expected a whole number');
  return number;
}

/** `2026-11-20T07:00:00Z`, or so long from now: `+7d`. Milliseconds since 1970. */
export function instantMs(text: string): number {
  if (text.startsWith('+')) return Date.now() + durationMs(text.slice(1));
  const ms = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
  if (!(ms >= 0))
    throw new InvalidArgumentError('expected a time such as 2026-11-20T07:00:00Z, or +7d from now');
  return ms;
}
