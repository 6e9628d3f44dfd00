import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BATCH_HEADER_BYTES,
  BatchBuilder,
  checkBatch,
  decodeBatch,
  encodeBatch,
  type Message,
} from '../src/index.ts';
import { batchContents, messages, refusalOf } from './arbitrary.ts';

function sized(valueBytes: number): Message {
  return { value: new Uint8Array(valueBytes).fill(valueBytes), kind: 'bytes', headers: [] };
}

describe('a batch builder', () => {
  it('makes the same bytes as encoding all messages at once', () => {
    fc.assert(
      fc.property(batchContents, ({ messages: list, codec, producer }) => {
        const builder = new BatchBuilder({ codec });
        for (const message of list) expect(builder.tryAdd(message)).toBe(true);
        expect(builder.finish(producer)).toEqual(encodeBatch({ messages: list, codec, producer }));
      }),
    );
  });

  it('never goes over its bytes or its messages, and loses none on the way', () => {
    const limits = fc.record({
      maxBytes: fc.integer({ min: 1000, max: 3000 }),
      maxMessages: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(
        fc.array(messages, { minLength: 1, maxLength: 20 }),
        limits,
        (list, { maxBytes, maxMessages }) => {
          const builder = new BatchBuilder({ maxBytes, maxMessages });
          const batches: Uint8Array[] = [];
          for (const message of list) {
            if (builder.tryAdd(message)) continue;
            batches.push(builder.finish());
            expect(builder.tryAdd(message)).toBe(true);
          }
          batches.push(builder.finish());
          for (const batch of batches) {
            expect(batch.byteLength).toBeLessThanOrEqual(maxBytes);
            expect(checkBatch(batch).messageCount).toBeLessThanOrEqual(maxMessages);
          }
          const values = batches.flatMap((batch) =>
            decodeBatch(batch).messages.map(({ value }) => [...value]),
          );
          expect(values).toEqual(list.map(({ value }) => [...value]));
        },
      ),
    );
  });

  it('knows its count and its bytes before it is finished', () => {
    const builder = new BatchBuilder();
    expect([builder.count, builder.byteLength]).toEqual([0, BATCH_HEADER_BYTES]);
    builder.tryAdd(sized(10));
    builder.tryAdd(sized(200));
    expect([builder.count, builder.byteLength]).toEqual([2, BATCH_HEADER_BYTES + 14 + 205]);
    expect(builder.finish().byteLength).toBe(BATCH_HEADER_BYTES + 14 + 205);
    expect([builder.count, builder.byteLength]).toEqual([0, BATCH_HEADER_BYTES]);
  });

  it('fills its bytes to the last one, and refuses a message that fits no batch of that size', () => {
    const builder = new BatchBuilder({ maxBytes: BATCH_HEADER_BYTES + 100 });
    expect(refusalOf(() => builder.tryAdd(sized(97)))).toEqual({ code: 'too_large', at: BATCH_HEADER_BYTES });
    expect(builder.tryAdd(sized(96))).toBe(true);
    expect(refusalOf(() => builder.tryAdd(sized(97))).code).toBe('too_large');
    expect(builder.tryAdd(sized(0))).toBe(false);
    expect(builder.finish().byteLength).toBe(BATCH_HEADER_BYTES + 100);
  });

  it('copies what it is given, and never touches a batch it has handed out', () => {
    const builder = new BatchBuilder();
    const value = new Uint8Array([1, 2, 3]);
    builder.tryAdd({ value, kind: 'bytes', headers: [] });
    value.fill(9);
    const first = builder.finish();
    const copy = first.slice();
    for (let size = 0; size < 3000; size += 100) builder.tryAdd(sized(size));
    builder.finish();
    expect(first).toEqual(copy);
    expect([...(decodeBatch(first).messages[0]?.value ?? [])]).toEqual([1, 2, 3]);
  });

  it('does not finish empty, and keeps its messages when it cannot finish', () => {
    const builder = new BatchBuilder();
    expect(refusalOf(() => builder.finish()).code).toBe('bad_count');
    builder.tryAdd(sized(5));
    expect(refusalOf(() => builder.finish({ id: 'nobody', epoch: 0, sequence: 0 })).code).toBe('bad_value');
    expect(checkBatch(builder.finish())).toMatchObject({ messageCount: 1, recordsBytes: 9 });
  });

  it('takes a refused message out again: the batch is as if it had never come', () => {
    const builder = new BatchBuilder();
    builder.tryAdd(sized(5));
    refusalOf(() => builder.tryAdd({ ...sized(5), key: '\ud800' }));
    expect(builder.finish()).toEqual(encodeBatch({ messages: [sized(5)] }));
  });
});
