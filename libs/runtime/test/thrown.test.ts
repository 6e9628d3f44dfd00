import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { codeOf, messageOf } from '../src/index.ts';

describe('what was thrown', () => {
  it('has words, an error or not', () => {
    const refusedTwice = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    const thrown = [new RangeError('too far'), refusedTwice, new TypeError(), 'just a text', undefined];
    expect(thrown.map(messageOf)).toEqual([
      'too far',
      'ECONNREFUSED',
      'TypeError',
      'just a text',
      'undefined',
    ]);
  });

  it('has the code Node gave it, if that is one', async () => {
    const missing: unknown = await readFile('/there/is/no/such/file').catch((error: unknown) => error);
    const aborted = new DOMException('given up', 'AbortError');
    expect([missing, aborted, new Error('plain'), { code: 'ENOENT' }, null].map(codeOf)).toEqual([
      'ENOENT',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
