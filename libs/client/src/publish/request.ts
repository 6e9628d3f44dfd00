import type { Batch } from './batch.ts';

const BATCH_TYPE = { 'content-type': 'application/vnd.message-vault.batch' };

/** What a queue is told of a batch holds for all its messages. */
export function groupOf(query: string): symbol | undefined {
  return query === '' ? undefined : Symbol.for(`publish ${query}`);
}

export function headersOf({ expectedSequenceNumber: expected }: Batch): Readonly<Record<string, string>> {
  return expected === undefined
    ? BATCH_TYPE
    : { ...BATCH_TYPE, 'expected-sequence-number': String(expected) };
}
