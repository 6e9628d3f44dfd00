import type { SQLOutputValue } from 'node:sqlite';
import { invariant } from '@message-vault/runtime';

/** One row of an answer, by column. What the schema says of a column is checked where it is read. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

export function numberIn(row: Row, column: string): number {
  const value = row[column];
  invariant(typeof value === 'number', `column ${column} holds a number`);
  return value;
}

export function textIn(row: Row, column: string): string {
  const value = row[column];
  invariant(typeof value === 'string', `column ${column} holds text`);
  return value;
}

export function bytesIn(row: Row, column: string): Uint8Array<ArrayBuffer> {
  const value = row[column];
  invariant(value instanceof Uint8Array, `column ${column} holds bytes`);
  // An empty blob has no memory of its own to hand on.
  return value.length === 0 ? new Uint8Array(0) : value;
}

/** `undefined` for NULL. */
export function maybe<Value>(
  row: Row,
  column: string,
  read: (row: Row, column: string) => Value,
): Value | undefined {
  return row[column] === null ? undefined : read(row, column);
}
