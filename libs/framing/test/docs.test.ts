import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { BATCH_FIELDS } from '../src/batch-header.ts';
import { CHECKPOINT_ANSWER, CHECKPOINT_HEADER, CHECKPOINT_PRODUCER } from '../src/checkpoint.ts';
import { COMMIT_FIELDS } from '../src/commit-header.ts';
import type { Field } from '../src/layout.ts';
import * as limits from '../src/limits.ts';
import { MESSAGE_ID_BITS } from '../src/message-id.ts';
import { TRAILER_FIELDS } from '../src/trailer.ts';
import { corrupt } from './golden.ts';

const text = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8');

/** The cells of the rows of the first table under a heading, without its head. */
function tableUnder(heading: string): string[][] {
  const [, after = ''] = text.split(new RegExp(`^#+ ${heading}$`, 'm'));
  const [table = ''] = /(^\|.*\n)+/m.exec(after) ?? [];
  const rows = table.trimEnd().split('\n').slice(2);
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('docs/format.md', () => {
  const tables: [string, Readonly<Record<string, Field>>][] = [
    ['Batch header', BATCH_FIELDS],
    ['Commit header', COMMIT_FIELDS],
    ['Trailer', TRAILER_FIELDS],
    ['Checkpoint header', CHECKPOINT_HEADER],
    ['Checkpoint producer', CHECKPOINT_PRODUCER],
    ['Checkpoint answer', CHECKPOINT_ANSWER],
    ['Message id', MESSAGE_ID_BITS],
  ];
  test.each(tables)('%s: the table has the offsets and sizes of the code', (heading, fields) => {
    const inDocs = tableUnder(heading).map(([at, bytes]) => [Number(at), Number(bytes)]);
    expect(inDocs).toEqual(Object.values(fields).map(({ at, bytes }) => [at, bytes]));
  });

  it('gives every limit the value it has in the code', () => {
    const inDocs = tableUnder('Limits').map(([, value, name = '']) => [
      name.replaceAll('`', ''),
      Number(value),
    ]);
    const maxima = Object.entries(limits).filter(([name]) => name.startsWith('MAX_'));
    expect(Object.fromEntries(inDocs)).toEqual(Object.fromEntries(maxima));
  });

  it('explains every code a vector is refused with', () => {
    const explained = tableUnder('Decoding').map(([code = '']) => code.replaceAll('`', ''));
    const used = new Set<string>(['bad_message_id', ...corrupt.bytes.map(({ code }) => code)]);
    expect(explained.toSorted()).toEqual([...used].toSorted());
  });
});
