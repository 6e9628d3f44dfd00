import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  commitBodyCapacity,
  decodeProducerCheckpoint,
  encodeProducerCheckpoint,
  MAX_CHECKPOINT_ANSWERS,
  MAX_CHECKPOINT_PRODUCERS,
  type ProducerAnswer,
  type ProducerEntry,
} from '../src/index.ts';
import { checkpointEntries, refusalOf } from './arbitrary.ts';
import { goldenBytes } from './golden.ts';

const ID = '6f1c0d52-8a3b-4e77-9c15-0b7f2a94d3e8';
const ANSWER = {
  sequence: 3,
  count: 1,
  firstOffset: 100,
  nextOffset: 101,
  firstSequenceNumber: 5,
  timestamp: 9,
};

function answers(count: number): ProducerAnswer[] {
  return Array.from({ length: count }, (_, sequence) => ({ ...ANSWER, sequence }));
}

describe('a producer checkpoint', () => {
  it('gives back the entries it was made from, in their order', () => {
    fc.assert(
      fc.property(checkpointEntries, (entries) => {
        expect(decodeProducerCheckpoint(encodeProducerCheckpoint(entries))).toEqual(entries);
      }),
    );
  });

  it('of the most producers with the most answers still fits a commit', () => {
    const entries = Array.from({ length: MAX_CHECKPOINT_PRODUCERS }, (_, index) => ({
      id: `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`,
      epoch: 0,
      answers: answers(MAX_CHECKPOINT_ANSWERS),
    }));
    const bytes = encodeProducerCheckpoint(entries);
    expect(bytes.byteLength).toBeLessThanOrEqual(commitBodyCapacity());
    expect(decodeProducerCheckpoint(bytes)).toHaveLength(MAX_CHECKPOINT_PRODUCERS);
    const over = [...entries, { id: ID, epoch: 0, answers: answers(1) }];
    expect(refusalOf(() => encodeProducerCheckpoint(over)).code).toBe('too_large');
  });

  it('without its end is refused, wherever it is cut', () => {
    const bytes = goldenBytes('checkpoint.hex');
    for (let length = 0; length < bytes.byteLength; length += 1) {
      const refusal = refusalOf(() => decodeProducerCheckpoint(bytes.subarray(0, length)));
      expect(refusal).toEqual({ code: 'truncated', at: length });
    }
  });

  const refused: [string, string, ProducerEntry[]][] = [
    ['no answers', 'bad_count', [{ id: ID, epoch: 0, answers: [] }]],
    ['six answers', 'bad_count', [{ id: ID, epoch: 0, answers: answers(6) }]],
    ['an id that is no UUID', 'bad_value', [{ id: 'me', epoch: 0, answers: [ANSWER] }]],
    [
      'the nil UUID',
      'bad_checkpoint',
      [{ id: '00000000-0000-0000-0000-000000000000', epoch: 0, answers: [ANSWER] }],
    ],
    [
      'one producer twice, in upper and lower case',
      'bad_checkpoint',
      [
        { id: ID, epoch: 0, answers: [ANSWER] },
        { id: ID.toUpperCase(), epoch: 1, answers: [ANSWER] },
      ],
    ],
    ['answers out of order', 'bad_checkpoint', [{ id: ID, epoch: 0, answers: [ANSWER, ANSWER] }]],
    ['an answer about nothing', 'bad_count', [{ id: ID, epoch: 0, answers: [{ ...ANSWER, count: 0 }] }]],
    [
      'an answer that ends where it starts',
      'bad_checkpoint',
      [{ id: ID, epoch: 0, answers: [{ ...ANSWER, nextOffset: 100 }] }],
    ],
    [
      'a sequence above 2^53 - 1',
      'bad_value',
      [{ id: ID, epoch: 0, answers: [{ ...ANSWER, sequence: 2 ** 53 }] }],
    ],
    ['an epoch of 33 bits', 'bad_value', [{ id: ID, epoch: 2 ** 32, answers: [ANSWER] }]],
  ];
  test.each(refused)('is not made with %s: %s', (_, code, entries) => {
    expect(refusalOf(() => encodeProducerCheckpoint(entries)).code).toBe(code);
  });
});
