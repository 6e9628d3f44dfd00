import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  BATCH_HEADER_BYTES,
  checkBatch,
  decodeBatch,
  decodeBatchHeader,
  encodeBatch,
  MAX_BATCH_BYTES,
  MAX_BATCH_MESSAGES,
  MAX_HEADER_NAME_BYTES,
  MAX_HEADER_VALUE_BYTES,
  MAX_HEADERS,
  MAX_KEY_BYTES,
  MAX_RECORDS_BYTES,
  type Message,
  type ProducerIdentity,
  withProducer,
} from '../src/index.ts';
import { batchContents, refusalOf } from './arbitrary.ts';
import { goldenBytes } from './golden.ts';

const PRODUCER = { id: '6f1c0d52-8a3b-4e77-9c15-0b7f2a94d3e8', epoch: 1, sequence: 2 };

function message(parts: Partial<Message> = {}): Message {
  return { value: new Uint8Array(), kind: 'bytes', headers: [], ...parts };
}

/** Plain arrays throughout, so that a Buffer and a Uint8Array of the same bytes are equal. */
function plain(messages: readonly Message[]) {
  return messages.map(({ key, value, kind, headers }) => ({ key, value: [...value], kind, headers }));
}

describe('a batch', () => {
  it('gives back the messages, codec and producer it was made from', () => {
    fc.assert(
      fc.property(batchContents, (contents) => {
        const batch = encodeBatch(contents);
        const { header, messages } = decodeBatch(batch);
        expect(plain(messages)).toEqual(plain(contents.messages));
        expect(header.producer).toEqual(contents.producer);
        expect(header.messageCount).toBe(contents.messages.length);
        expect(header.byteLength).toBe(batch.byteLength);
        expect(checkBatch(batch)).toEqual(header);
        expect(decodeBatchHeader(batch)).toEqual(header);
      }),
    );
  });

  it('is read wherever it lies in memory', () => {
    const batch = goldenBytes('batch-full.hex');
    const memory = new Uint8Array(batch.byteLength + 20).fill(0xff);
    memory.set(batch, 7);
    expect(decodeBatchHeader(memory, 7)).toEqual(decodeBatchHeader(batch));
    const { messages } = decodeBatch(memory.subarray(7, 7 + batch.byteLength));
    expect(plain(messages)).toEqual(plain(decodeBatch(batch).messages));
  });

  it('lends its values instead of copying them', () => {
    const batch = goldenBytes('batch-full.hex');
    for (const { value } of decodeBatch(batch).messages) expect(value.buffer).toBe(batch.buffer);
  });

  it('is compressed only when that makes it smaller', () => {
    const repetitive = encodeBatch({ messages: [message({ value: new Uint8Array(5000) })], codec: 'zstd' });
    expect(decodeBatchHeader(repetitive)).toMatchObject({ codec: 'zstd', recordsBytes: 5005 });
    expect(repetitive.byteLength).toBeLessThan(200);
    const tiny = encodeBatch({ messages: [message()], codec: 'zstd' });
    expect(decodeBatchHeader(tiny)).toMatchObject({ codec: 'none', byteLength: BATCH_HEADER_BYTES + 4 });
  });

  it('keeps a producer id in lower case', () => {
    const producer = { ...PRODUCER, id: PRODUCER.id.toUpperCase() };
    expect(checkBatch(encodeBatch({ messages: [message()], producer })).producer).toEqual(PRODUCER);
  });
});

describe('a batch passed on under another identity', () => {
  it('has the same messages, whatever its codec, and passes every check', () => {
    fc.assert(
      fc.property(batchContents, (contents) => {
        const batch = encodeBatch(contents);
        const passedOn = withProducer(batch, PRODUCER);
        expect(checkBatch(passedOn)).toEqual({ ...decodeBatchHeader(batch), producer: PRODUCER });
        expect(plain(decodeBatch(passedOn).messages)).toEqual(plain(decodeBatch(batch).messages));
      }),
    );
  });

  it('leaves the batch it was made from as it was', () => {
    const batch = encodeBatch({ messages: [message()] });
    const before = batch.slice();
    withProducer(batch, PRODUCER);
    expect(batch).toEqual(before);
  });
});

describe('damage to a batch', () => {
  const vectors = ['batch-minimal.hex', 'batch-full.hex', 'batch-zstd.hex', 'batch-zstd-library.hex'];

  test.each(vectors)('%s: no flipped bit goes unnoticed', (file) => {
    const batch = goldenBytes(file);
    for (let bit = 0; bit < batch.byteLength * 8; bit += 1) {
      const damaged = batch.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(refusalOf(() => checkBatch(damaged)).at).toBeLessThanOrEqual(batch.byteLength);
      refusalOf(() => decodeBatch(damaged));
    }
  });

  test.each(vectors)('%s: no missing end goes unnoticed', (file) => {
    const batch = goldenBytes(file);
    for (let length = 0; length < batch.byteLength; length += 1) {
      expect(refusalOf(() => checkBatch(batch.subarray(0, length)))).toEqual({
        code: 'truncated',
        at: length,
      });
    }
  });

  it('a frame that would unpack to a gibibyte is refused after the bytes it promised', () => {
    const blockBytes = 128 * 1024;
    const block = (last: number) => [
      ((blockBytes << 3) | 2 | last) & 0xff,
      (blockBytes >> 5) & 0xff,
      blockBytes >> 13,
      0,
    ];
    const frame = Buffer.from([
      ...[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58],
      ...Array.from({ length: 8191 }, () => block(0)).flat(),
      ...block(1),
    ]);
    const template = goldenBytes('batch-zstd.hex').subarray(0, BATCH_HEADER_BYTES);
    const bomb = withCrc(Buffer.concat([template, frame]), { recordsBytes: MAX_RECORDS_BYTES });
    const before = process.resourceUsage().maxRSS;
    expect(refusalOf(() => checkBatch(bomb))).toEqual({ code: 'bad_length', at: 20 });
    const grownKiB = process.resourceUsage().maxRSS - before;
    expect(grownKiB).toBeLessThan(128 * 1024);
  });
});

describe('limits of a batch', () => {
  const accepted: [string, () => Uint8Array][] = [
    ['the longest key', () => encodeBatch({ messages: [message({ key: 'k'.repeat(MAX_KEY_BYTES) })] })],
    ['the most headers', () => encodeBatch({ messages: [message({ headers: headers(MAX_HEADERS) })] })],
    ['the longest header', () => encodeBatch({ messages: [message({ headers: [longest()] })] })],
    [
      'the most messages',
      () => encodeBatch({ messages: Array.from({ length: MAX_BATCH_MESSAGES }, () => message()) }),
    ],
    ['the most bytes', () => encodeBatch({ messages: [recordOf(MAX_BATCH_BYTES - BATCH_HEADER_BYTES)] })],
    ['the most records', () => encodeBatch({ messages: [recordOf(MAX_RECORDS_BYTES)], codec: 'zstd' })],
    [
      'the highest producer numbers',
      () => batchOf({ epoch: 2 ** 32 - 1, sequence: Number.MAX_SAFE_INTEGER }),
    ],
  ];
  test.each(accepted)('%s: accepted by encoder and decoder', (_, encode) => {
    const batch = encode();
    expect(checkBatch(batch).byteLength).toBe(batch.byteLength);
    expect(decodeBatch(batch).messages).toHaveLength(checkBatch(batch).messageCount);
  });

  const refused: [string, string, () => Uint8Array][] = [
    ['no message', 'bad_count', () => encodeBatch({ messages: [] })],
    [
      'a message too many',
      'bad_count',
      () => encodeBatch({ messages: Array(MAX_BATCH_MESSAGES + 1).fill(message()) }),
    ],
    ['a longer key', 'too_large', () => encodeBatch({ messages: [message({ key: 'ü'.repeat(513) })] })],
    [
      'a header too many',
      'too_large',
      () => encodeBatch({ messages: [message({ headers: headers(MAX_HEADERS + 1) })] }),
    ],
    ['a longer header name', 'too_large', () => withHeader('n'.repeat(MAX_HEADER_NAME_BYTES + 1), '')],
    ['a longer header value', 'too_large', () => withHeader('n', 'v'.repeat(MAX_HEADER_VALUE_BYTES + 1))],
    ['a header without a name', 'bad_record', () => withHeader('', 'v')],
    ['a lone surrogate in a key', 'bad_utf8', () => encodeBatch({ messages: [message({ key: 'a\ud800' })] })],
    ['a lone surrogate in a header', 'bad_utf8', () => withHeader('n', '\udc00')],
    [
      'a byte too many',
      'too_large',
      () => encodeBatch({ messages: [recordOf(MAX_BATCH_BYTES - BATCH_HEADER_BYTES + 1)] }),
    ],
    [
      'one record over the limit',
      'too_large',
      () => encodeBatch({ messages: [recordOf(MAX_RECORDS_BYTES + 1)] }),
    ],
    [
      'two records over the limit',
      'too_large',
      () => encodeBatch({ messages: [recordOf(MAX_RECORDS_BYTES), message()] }),
    ],
    ['a producer id that is no UUID', 'bad_value', () => batchOf({ id: 'me' })],
    [
      'the nil UUID as a producer',
      'bad_value',
      () => batchOf({ id: '00000000-0000-0000-0000-000000000000' }),
    ],
    ['a negative epoch', 'bad_value', () => batchOf({ epoch: -1 })],
    ['an epoch of 33 bits', 'bad_value', () => batchOf({ epoch: 2 ** 32 })],
    ['a fractional sequence', 'bad_value', () => batchOf({ sequence: 0.5 })],
    ['a sequence of 2^53', 'bad_value', () => batchOf({ sequence: 2 ** 53 })],
  ];
  test.each(refused)('%s: refused with %s', (_, code, encode) => {
    expect(refusalOf(encode).code).toBe(code);
  });

  it('a kind of value that callers without types made up: refused', () => {
    const odd: Message = JSON.parse('{"value":{"byteLength":0},"kind":"xml","headers":[]}');
    expect(refusalOf(() => encodeBatch({ messages: [odd] })).code).toBe('bad_value');
  });
});

function headers(count: number): [string, string][] {
  return Array.from({ length: count }, (_, index) => [`h${index}`, '']);
}

function longest(): [string, string] {
  return ['n'.repeat(MAX_HEADER_NAME_BYTES), 'v'.repeat(MAX_HEADER_VALUE_BYTES)];
}

function withHeader(name: string, value: string): Uint8Array {
  return encodeBatch({ messages: [message({ headers: [[name, value]] })] });
}

function batchOf(parts: Partial<ProducerIdentity>): Uint8Array {
  return encodeBatch({ messages: [message()], producer: { ...PRODUCER, ...parts } });
}

/** A message whose record takes exactly `recordBytes`: four bytes of length, three of structure, the value. */
function recordOf(recordBytes: number): Message {
  const lengthBytes = recordBytes - 4 < 2 ** 21 ? 3 : 4;
  return message({ value: new Uint8Array(recordBytes - lengthBytes - 3) });
}

/** Puts the true length, the given records length and the CRC into a batch header. */
function withCrc(bytes: Buffer, header: { recordsBytes: number }): Buffer {
  bytes.writeUInt32LE(bytes.byteLength, 8);
  bytes.writeUInt32LE(header.recordsBytes, 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
  return bytes;
}
