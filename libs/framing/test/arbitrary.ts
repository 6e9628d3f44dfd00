import fc from 'fast-check';
import {
  type Commit,
  encodeBatch,
  FramingError,
  type FramingErrorCode,
  type Message,
  type ProducerEntry,
  type ProducerIdentity,
  type ValueKind,
} from '../src/index.ts';
import { skipTarget } from '../src/skips.ts';
import { NIL_UUID } from '../src/uuid.ts';

/** Code and place of the refusal; fails the test when nothing, or something else, is thrown. */
export function refusalOf(action: () => unknown): { code: FramingErrorCode; at: number } {
  try {
    action();
  } catch (error) {
    if (error instanceof FramingError) return { code: error.code, at: error.at };
    throw error;
  }
  throw new Error('expected a refusal, got none');
}

export const uuids = fc.uuid().filter((id) => id !== NIL_UUID);
export const timestamps = fc.nat({ max: 2 ** 48 - 1 });
const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength });

export const messages: fc.Arbitrary<Message> = fc.record({
  key: fc.option(text(40), { nil: undefined }),
  value: fc.uint8Array({ maxLength: 300 }),
  kind: fc.constantFrom<ValueKind>('bytes', 'text', 'json'),
  headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), text(20)), {
    maxLength: 4,
  }),
});

const producers: fc.Arbitrary<ProducerIdentity> = fc.record({
  id: uuids,
  epoch: fc.nat({ max: 2 ** 32 - 1 }),
  sequence: fc.maxSafeNat(),
});

export const batchContents = fc.record({
  messages: fc.array(messages, { minLength: 1, maxLength: 12 }),
  codec: fc.constantFrom('none' as const, 'zstd' as const),
  producer: fc.option(producers, { nil: undefined }),
});

/** Skip pointers as a stream would have them whose commits all took `stride` pages. */
function skipsOf(number: number, stride: number): number[] {
  return Array.from({ length: 8 }, (_, level) => (number === 0 ? -1 : skipTarget(number, level) * stride));
}

export const commits: fc.Arbitrary<Commit> = fc
  .record({
    streamId: uuids,
    epoch: fc.maxSafeNat(),
    number: fc.nat({ max: 2 ** 33 }),
    stride: fc.integer({ min: 1, max: 8 }),
    firstSequenceNumber: fc.nat({ max: 2 ** 52 }),
    timestamp: timestamps,
    lastInSegment: fc.boolean(),
    contents: fc.array(batchContents, { maxLength: 4 }),
    checkpoint: fc.option(fc.uint8Array({ minLength: 1, maxLength: 400 }), { nil: undefined }),
  })
  .map(({ contents, stride, number, ...rest }) => ({
    ...rest,
    number,
    page: number * stride,
    skips: skipsOf(number, stride),
    messageCount: contents.reduce((sum, { messages: list }) => sum + list.length, 0),
    batches: contents.map(encodeBatch),
  }));

const answers = fc.uniqueArray(fc.maxSafeNat(), { minLength: 1, maxLength: 5 }).chain((sequences) =>
  fc.tuple(
    ...sequences
      .toSorted((a, b) => a - b)
      .map((sequence) =>
        fc.record({
          sequence: fc.constant(sequence),
          count: fc.integer({ min: 1, max: 16_384 }),
          firstOffset: fc.nat({ max: 2 ** 52 }),
          nextOffset: fc.integer({ min: 2 ** 52 + 1, max: Number.MAX_SAFE_INTEGER }),
          firstSequenceNumber: fc.maxSafeNat(),
          timestamp: timestamps,
        }),
      ),
  ),
);

export const checkpointEntries: fc.Arbitrary<ProducerEntry[]> = fc.uniqueArray(
  fc.record({ id: uuids, epoch: fc.nat({ max: 2 ** 32 - 1 }), answers }),
  { maxLength: 12, selector: (entry) => entry.id },
);
