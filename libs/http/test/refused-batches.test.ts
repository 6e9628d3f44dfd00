import { crc32 } from 'node:zlib';
import { encodeBatch, MAX_BATCH_BYTES, MAX_RECORDS_BYTES } from '@message-vault/framing';
import { defaultStreamPolicy } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { expectRefused, type Refusal } from './support/refusals.ts';
import { BATCH, BATCH_JSON, JSON_TYPE, problem, publishValues } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const messages = [{ key: 'k', value: Buffer.from('value'), kind: 'text' as const, headers: [] }];
const batch = encodeBatch({ messages });

function changed(at: number, byte: number): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(batch);
  bytes[at] = byte;
  return bytes;
}

function withU32(at: number, value: number): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(batch);
  bytes.writeUInt32LE(value, at);
  return bytes;
}

/** A record as no encoder of ours would write it (docs/format.md), with texts of the sizes given. */
function record(sizes: { key?: number; headers?: number; name?: number; value?: number }): Buffer {
  const { key = -1, headers = 0, name = 0, value = 0 } = sizes;
  const field = (size: number): Buffer => Buffer.concat([varint(size), Buffer.alloc(size, 'x')]);
  const texts = name === 0 ? [Buffer.alloc(headers * 2)] : [field(name), field(value)];
  const keyText = Buffer.alloc(Math.max(key, 0), 'k');
  const body = Buffer.concat([Buffer.of(1), varint(key + 1), keyText, varint(headers), ...texts]);
  return Buffer.concat([varint(body.length), body]);
}

function varint(value: number): Buffer {
  return value < 128 ? Buffer.of(value) : Buffer.concat([Buffer.of((value & 127) | 128), varint(value >> 7)]);
}

/** A batch of one record, with length and CRC as they must be. */
function withRecord(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const whole = Buffer.concat([batch.subarray(0, 56), bytes]);
  whole.writeUInt32LE(whole.length, 8);
  whole.writeUInt32LE(bytes.length, 20);
  whole.writeUInt32LE(crc32(whole.subarray(16)), 12);
  return whole;
}

const refusals: readonly Refusal[] = [
  {
    what: 'a batch with a wrong CRC',
    headers: BATCH,
    body: changed(12, 0xaa),
    status: 400,
    code: 'bad_batch',
    says: /bad_crc/,
  },
  {
    what: 'a batch with a wrong count',
    headers: BATCH,
    body: changed(16, 7),
    status: 400,
    code: 'bad_batch',
    says: /7 messages/,
  },
  {
    what: 'a batch with changed records',
    headers: BATCH,
    body: changed(60, 0xee),
    status: 400,
    code: 'bad_batch',
    says: /bad_crc/,
  },
  {
    what: 'a truncated batch',
    headers: BATCH,
    body: batch.subarray(0, batch.length - 1),
    status: 400,
    code: 'bad_batch',
    says: /truncated/,
  },
  {
    what: 'a batch and a byte',
    headers: BATCH,
    body: Buffer.concat([batch, Uint8Array.of(0)]),
    status: 400,
    code: 'bad_batch',
    says: /trailing/,
  },
  { what: 'no batch at all', headers: BATCH, body: 'hello', status: 400, code: 'bad_batch', says: /./ },
  {
    what: 'an empty batch body',
    headers: BATCH,
    body: '',
    status: 400,
    code: 'bad_batch',
    says: /truncated/,
  },
  {
    what: 'a batch of an unknown version',
    headers: BATCH,
    body: changed(4, 9),
    status: 400,
    code: 'bad_batch',
    says: /unsupported_version/,
  },
  {
    what: 'an oversized message',
    headers: { 'content-type': 'text/plain' },
    body: 'x'.repeat(MAX_BATCH_BYTES),
    status: 413,
    code: 'too_large',
    says: new RegExp(String(MAX_BATCH_BYTES)),
  },
  {
    what: 'an oversized body',
    headers: { 'content-type': 'text/plain' },
    body: 'x'.repeat(9 * 1024 * 1024),
    status: 413,
    code: 'too_large',
    says: /8388608/,
  },
  {
    what: 'a Content-Type of ours that is not there',
    headers: { 'content-type': 'application/vnd.message-vault.batches' },
    body: 'x',
    status: 415,
    code: 'unsupported_media_type',
    says: /not one of/,
  },
  {
    what: 'CloudEvents in a format that is not there',
    headers: { 'content-type': 'application/cloudevents+avro' },
    body: 'x',
    status: 415,
    code: 'unsupported_media_type',
    says: /not one of/,
  },
  {
    what: 'a Content-Type that is no media type',
    headers: { 'content-type': 'nonsense' },
    body: 'x',
    status: 415,
    code: 'unsupported_media_type',
    says: /no media type/,
  },
  {
    what: 'a policy',
    headers: { 'content-type': 'application/vnd.message-vault.policy+json' },
    body: '{"role":"queue"}',
    status: 409,
    code: 'name_taken',
    says: /already has the role stream/,
  },
  {
    what: 'a compressed body',
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    body: '1',
    status: 415,
    code: 'unsupported_content_encoding',
    says: /gzip/,
  },
  {
    what: 'a producer without an epoch',
    headers: { 'producer-id': 'p', 'producer-seq': '0' },
    body: 'x',
    status: 400,
    code: 'bad_header',
    says: /all three or none/,
  },
  {
    what: 'a negative producer sequence',
    headers: { 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '-1' },
    body: 'x',
    status: 400,
    code: 'bad_header',
    says: /Producer-Seq/,
  },
  {
    what: 'a producer epoch of more than 32 bits',
    headers: { 'producer-id': 'p', 'producer-epoch': '4294967296', 'producer-seq': '0' },
    body: 'x',
    status: 400,
    code: 'bad_header',
    says: /Producer-Epoch/,
  },
  {
    what: 'a producer id with a space',
    headers: { 'producer-id': 'a b', 'producer-epoch': '0', 'producer-seq': '0' },
    body: 'x',
    status: 400,
    code: 'bad_header',
    says: /visible ASCII/,
  },
  {
    what: 'a producer id of 129 characters',
    headers: { 'producer-id': 'p'.repeat(129), 'producer-epoch': '0', 'producer-seq': '0' },
    body: 'x',
    status: 400,
    code: 'bad_header',
    says: /128/,
  },
  {
    what: 'the nil UUID as a producer',
    headers: {
      'producer-id': '00000000-0000-0000-0000-000000000000',
      'producer-epoch': '0',
      'producer-seq': '0',
    },
    body: 'x',
    status: 400,
    code: 'bad_header',
    says: /nil UUID/,
  },
  {
    what: 'a producer in the headers that is not in the batch',
    headers: { ...BATCH, 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '0' },
    body: batch,
    status: 400,
    code: 'bad_header',
    says: /differ from the producer in the batch/,
  },
  {
    what: 'an expected sequence number that is no number',
    headers: { 'expected-sequence-number': 'next' },
    body: 'x',
    status: 400,
    code: 'bad_header',
    says: /Expected-Sequence-Number/,
  },
  {
    what: 'an expected sequence number that is wrong',
    headers: { 'expected-sequence-number': '5' },
    body: 'x',
    status: 412,
    code: 'sequence_mismatch',
    says: /./,
  },
];

describe('a publish with a wrong batch, type or header is refused, says what was expected and leaves the log untouched', () => {
  it.each(refusals)('$what', expectRefused);

  it('tells the limit that was exceeded', async () => {
    const { url } = await startNode({ http: { maxBodyBytes: 1000 } });
    const response = await fetch(`${url}/orders`, { method: 'POST', body: 'x'.repeat(1001) });
    expect(await problem(response, 413, 'too_large')).toMatchObject({ limit: 1000 });
  });

  it.each([
    [1024, { key: 'k'.repeat(1025), value: 1 }],
    [256, { headers: { ['h'.repeat(257)]: 'v' }, value: 1 }],
    [8192, { headers: { h: 'v'.repeat(8193) }, value: 1 }],
    [128, { headers: { h: Array.from({ length: 129 }, () => 'v') }, value: 1 }],
  ])('tells the limit of the format that was exceeded: %i', async (limit, message) => {
    const { url } = await startNode();
    const init = { method: 'POST', headers: BATCH_JSON, body: JSON.stringify({ messages: [message] }) };
    expect(await problem(await fetch(`${url}/orders`, init), 413, 'too_large')).toMatchObject({ limit });
  });

  it.each([
    ['bytes of records', MAX_RECORDS_BYTES, withU32(20, MAX_RECORDS_BYTES + 1)],
    ['bytes of a batch', MAX_BATCH_BYTES, withU32(8, MAX_BATCH_BYTES + 1)],
    ['bytes of a key', 1024, withRecord(record({ key: 1025 }))],
    ['headers', 128, withRecord(record({ headers: 129 }))],
    ['bytes of a header name', 256, withRecord(record({ headers: 1, name: 257 }))],
    ['bytes of a header value', 8192, withRecord(record({ headers: 1, name: 1, value: 8193 }))],
  ])('tells the limit a binary batch exceeds: %s, %i', async (_what, limit, body) => {
    const { url } = await startNode();
    const response = await fetch(`${url}/orders`, { method: 'POST', headers: BATCH, body });
    const refused = await problem(response, 413, 'too_large');
    expect(refused).toMatchObject({ limit, detail: expect.stringContaining(`the limit is ${limit}`) });
  });

  it('tells the next sequence number to the one who expected another', async () => {
    const { url } = await startNode();
    await publishValues(url, 'orders', [1, 2, 3]);
    const response = await fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'expected-sequence-number': '2' },
      body: 'x',
    });
    expect(await problem(response, 412, 'sequence_mismatch')).toMatchObject({ expectedSequenceNumber: 3 });
  });

  it('lists the media types that would do', async () => {
    const { url } = await startNode();
    const response = await fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.message-vault.x' },
      body: 'x',
    });
    const { allowed } = await problem(response, 415, 'unsupported_media_type');
    expect(allowed).toContain('application/vnd.message-vault.batch+json');
  });

  it('takes no message above the size the policy of the stream allows', async () => {
    const { url, node } = await startNode();
    node.policy = { ...defaultStreamPolicy, maxMessageSize: 10 };
    await publishValues(url, 'orders', [1]);
    const response = await fetch(`${url}/orders`, {
      method: 'POST',
      headers: BATCH_JSON,
      body: '{"messages":[{"value":1},{"valueText":"12345678901"}]}',
    });
    expect(await problem(response, 413, 'too_large')).toMatchObject({ limit: 10 });
    expect(await node.stored('orders')).toBe(1);
    await publishValues(url, 'orders', ['12345678']);
  });

  it('takes no message above the size every policy has by default, though a batch could hold it', async () => {
    const { url, node } = await startNode();
    const publish = (bytes: number) =>
      fetch(`${url}/orders`, { method: 'POST', body: new Uint8Array(bytes) });
    const { maxMessageSize } = defaultStreamPolicy;
    expect(await problem(await publish(maxMessageSize + 1), 413, 'too_large')).toMatchObject({
      limit: maxMessageSize,
    });
    expect(node.names.size).toBe(0);
    expect((await publish(maxMessageSize)).status).toBe(201);
  });

  it('takes no key whose escapes are no UTF-8', async () => {
    const { url, node } = await startNode();
    for (const key of ['%ff', '50%', '%zz']) {
      const response = await fetch(`${url}/orders?key=${key}`, { method: 'POST', body: 'x' });
      await problem(response, 400, 'bad_parameter');
    }
    expect(node.names.size).toBe(0);
  });
});
