import type { ByteRange } from '../../ports.ts';
import type { Connection } from './connection.ts';
import { bytesIn, numberIn } from './rows.ts';

/**
 * The most bytes one row holds: SQLite reads a value as a whole, and a reader that wants a part of a 4 MiB commit
 * should not have to read all of it.
 */
const PIECE_BYTES = 256 * 1024;

/** Stores `bytes` over whatever was there. */
export function writeExtents(db: Connection, segment: number, offset: number, bytes: Uint8Array): void {
  clearExtents(db, segment, { offset, length: bytes.length });
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    insert(db, segment, offset + at, bytes.subarray(at, at + PIECE_BYTES));
}

/** Makes `range` unwritten, keeping what overlaps on either side. */
export function clearExtents(db: Connection, segment: number, { offset, length }: ByteRange): void {
  const stop = offset + length;
  const last = lastBefore(db, segment, stop);
  // Appending, which is what a log does: nothing is there yet.
  if (last === undefined || last.start + last.length <= offset) return;
  const tail =
    last.start + last.length > stop ? pieceAt(db, segment, last.start).slice(stop - last.start) : undefined;
  const first = lastBefore(db, segment, offset);
  const head =
    first !== undefined && first.start + first.length > offset
      ? pieceAt(db, segment, first.start).slice(0, offset - first.start)
      : undefined;
  const from = head === undefined || first === undefined ? offset : first.start;
  db.run('DELETE FROM extents WHERE segment = ? AND start >= ? AND start < ?', segment, from, stop);
  if (head !== undefined) insert(db, segment, from, head);
  if (tail !== undefined) insert(db, segment, stop, tail);
}

/** A copy of `range`; zeros where nothing is written. */
export function readExtents(db: Connection, segment: number, range: ByteRange): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(range.length);
  const stop = range.offset + range.length;
  const sql = 'SELECT start, bytes FROM extents WHERE segment = ? AND start >= ? AND start < ?';
  for (const row of db.each(sql, segment, startOf(db, segment, range.offset), stop)) {
    const start = numberIn(row, 'start');
    const bytes = bytesIn(row, 'bytes');
    const skipped = Math.max(0, range.offset - start);
    out.set(bytes.subarray(skipped, stop - start), start + skipped - range.offset);
    // Its memory is given back at once: the collector does not see how much it is.
    bytes.buffer.transfer(0);
  }
  return out;
}

/** The written parts of `range`, adjoining ones merged. */
export function writtenExtents(db: Connection, segment: number, range: ByteRange): ByteRange[] {
  const stop = range.offset + range.length;
  const merged: { offset: number; length: number }[] = [];
  const sql =
    'SELECT start, length(bytes) AS length FROM extents WHERE segment = ? AND start >= ? AND start < ? ORDER BY start';
  for (const row of db.each(sql, segment, startOf(db, segment, range.offset), stop)) {
    const start = numberIn(row, 'start');
    const from = Math.max(start, range.offset);
    const length = Math.min(start + numberIn(row, 'length'), stop) - from;
    const last = merged.at(-1);
    if (last !== undefined && last.offset + last.length === from) last.length += length;
    else merged.push({ offset: from, length });
  }
  return merged;
}

/** Where the extent that holds `offset` starts; `offset` itself when none does. */
function startOf(db: Connection, segment: number, offset: number): number {
  const before = lastBefore(db, segment, offset);
  return before !== undefined && before.start + before.length > offset ? before.start : offset;
}

/** The last extent that starts before `offset`: the only one of those that can reach beyond it. */
function lastBefore(
  db: Connection,
  segment: number,
  offset: number,
): { start: number; length: number } | undefined {
  const row = db.get(
    'SELECT start, length(bytes) AS length FROM extents WHERE segment = ? AND start < ? ORDER BY start DESC LIMIT 1',
    segment,
    offset,
  );
  return row && { start: numberIn(row, 'start'), length: numberIn(row, 'length') };
}

function pieceAt(db: Connection, segment: number, start: number): Uint8Array {
  const row = db.get('SELECT bytes FROM extents WHERE segment = ? AND start = ?', segment, start);
  return bytesIn(row ?? {}, 'bytes');
}

function insert(db: Connection, segment: number, start: number, bytes: Uint8Array): void {
  db.run('INSERT INTO extents (segment, start, bytes) VALUES (?, ?, ?)', segment, start, bytes);
}
