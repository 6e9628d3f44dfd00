import { StorageError, type StorageErrorCode } from '../../errors.ts';

/** What a call that got no trustworthy answer leaves behind: a write unknown, anything else simply unanswered. */
export type LostAs = 'outcome_unknown' | 'unavailable';

/** A StorageError as it travels between threads. */
export interface Failure {
  readonly code: StorageErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
}

const BUSY = 5;

/**
 * What the machine can do to a database file, in words. Other results of SQLite are bugs of ours.
 * Source: SQLite, "Result and Error Codes"; these are the primary ones, the low byte of a code.
 */
const WORDS: Readonly<Record<number, string>> = {
  [BUSY]: 'another process holds the lock of the database file',
  6: 'the database is locked',
  7: 'there is not enough memory',
  8: 'the database file can not be written: it, or its folder, is read-only for this process',
  10: 'reading or writing the database file failed',
  11: 'the database file is damaged',
  13: 'the disk is full',
  14: 'the database file can not be opened: is its folder there, and may this process write to it?',
  15: 'the lock protocol of the database file failed',
  26: 'the file is not a database',
};

/** The primary result code of an error of SQLite. */
function resultOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : undefined;
}

export function isBusy(error: unknown): boolean {
  return resultOf(error) === BUSY;
}

/** In words, when it is something the machine did; undefined for a bug. */
export function wordsFor(error: unknown): string | undefined {
  const words = WORDS[resultOf(error) ?? 0];
  return words === undefined || !(error instanceof Error) ? undefined : `${words} (${error.message})`;
}

/** The failure of a call that something went wrong with; throws what is a bug. */
export function failureOf(error: unknown, lostAs: LostAs): Failure {
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  const message = wordsFor(error);
  if (message === undefined) throw error;
  return { code: lostAs, message };
}

/** The failure of a call that never began, since the lock of the file was not to be had in time. */
export function neverBegan(lostAs: LostAs): Failure {
  const message = `${WORDS[BUSY]}, and did not let go of it in time: nothing was done`;
  return lostAs === 'unavailable'
    ? { code: 'unavailable', message }
    : { code: 'throttled', message, retryAfterMs: 100 };
}
