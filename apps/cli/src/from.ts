import type { ReadFrom } from '@message-vault/client';
import { parseDurationMs } from '@message-vault/metadata';
import { InvalidArgumentError } from 'commander';

const FORM = /^(?<form>seq|last|time):(?<value>.+)$/;

export const FROM_HELP =
  'earliest, latest, an offset, seq:N, time:2026-11-20T07:00:00Z, time:-5m (that long ago) or last:N';

/** What `--from` says; the forms of the HTTP interface, and times counted back from now. */
export function parseFrom(text: string): ReadFrom {
  if (text === 'earliest' || text === 'latest') return text;
  const { form, value = '' } = FORM.exec(text)?.groups ?? {};
  if (form === 'seq') return { sequenceNumber: whole(value) };
  if (form === 'last') return { last: whole(value) };
  if (form === 'time') return { timestamp: instant(value) };
  return whole(text);
}

function whole(text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new InvalidArgumentError(`expected ${FROM_HELP}`);
  return number;
}

function instant(text: string): number {
  if (text.startsWith('-')) return Math.max(0, Date.now() - ago(text.slice(1)));
  if (/^\d+$/.test(text)) return whole(text);
  const ms = Date.parse(text);
  if (!(ms >= 0)) throw new InvalidArgumentError('expected a time such as 2026-11-20T07:00:00Z, or -5m');
  return ms;
}

function ago(text: string): number {
  try {
    return parseDurationMs(text);
  } catch {
    throw new InvalidArgumentError('expected how long ago, such as -5m, -36h or -7d');
  }
}
