import { encodeBatch } from '@message-vault/framing';
import { describe, expect, it } from 'vitest';
import {
  BATCH,
  BATCH_JSON,
  json,
  type Published,
  parseRaw,
  publishValues,
  read,
  sendRaw,
} from './support/requests.ts';
import { startNode } from './support/test-node.ts';

async function publish(
  url: string,
  headers: Record<string, string>,
  body: RequestInit['body'],
  query = '',
): Promise<Published> {
  const response = await fetch(`${url}/orders${query}`, { method: 'POST', headers, body: body ?? null });
  expect(response.status).toBe(201);
  expect(response.headers.get('content-type')).toBe('application/json');
  return await json<Published>(response);
}

describe('publishing', () => {
  it('answers where the messages are and where the next one will be', async () => {
    const { url } = await startNode();
    const first = await publishValues(url, 'myapp/orders', [1, 2, 3]);
    expect(first).toEqual({
      stream: 'myapp/orders',
      count: 3,
      firstOffset: 0,
      nextOffset: expect.any(Number),
      firstSequenceNumber: 0,
      timestamp: expect.any(Number),
    });
    const second = await publishValues(url, 'myapp/orders', [4]);
    expect(second).toMatchObject({ count: 1, firstOffset: first.nextOffset, firstSequenceNumber: 3 });
    expect((await read(url, '/myapp/orders')).messages.map(({ value }) => value)).toEqual([1, 2, 3, 4]);
  });

  it('keeps a JSON body as the value of one message, byte for byte, with its Content-Type and key', async () => {
    const { url } = await startNode();
    const text = '{ "id": 12345678901234567890, "n": 1.0,\n "e": 1e400 }';
    await publish(url, { 'content-type': 'application/json; charset=utf-8' }, text, '?key=sku%2F1');
    const response = await fetch(`${url}/orders`, { headers: { accept: 'application/x-ndjson' } });
    const line = await response.text();
    expect(line).toContain('"value":{ "id": 12345678901234567890, "n": 1.0,  "e": 1e400 }');
    expect(line.split('\n')).toHaveLength(2);
    expect(JSON.parse(line)).toMatchObject({
      key: 'sku/1',
      headers: { 'content-type': 'application/json; charset=utf-8' },
    });
  });

  it.each([
    ['text/plain', 'grüße', { valueText: 'grüße' }],
    ['application/x-www-form-urlencoded', 'a=1&b=2', { valueText: 'a=1&b=2' }],
    ['application/xml', '<a/>', { valueText: '<a/>' }],
    ['application/vnd.acme+json', '[1]', { value: [1] }],
    ['application/octet-stream', 'abc', { valueBase64: 'YWJj' }],
    ['image/png', Uint8Array.of(0, 255), { valueBase64: 'AP8=' }],
    ['text/plain', Uint8Array.of(0xff, 0xfe), { valueBase64: '//4=' }],
    ['text/plain; charset=iso-8859-1', 'abc', { valueBase64: 'YWJj' }],
  ])('keeps a body of %s as one message', async (type, body, expected) => {
    const { url } = await startNode();
    await publish(url, { 'content-type': type }, body);
    expect((await read(url, '/orders')).messages).toMatchObject([
      { key: null, headers: { 'content-type': type }, ...expected },
    ]);
  });

  it('takes an empty body and one without a Content-Type as messages', async () => {
    const { url } = await startNode();
    await publish(url, { 'content-type': 'text/plain' }, '');
    await publish(url, {}, Uint8Array.of(1, 2));
    expect((await read(url, '/orders')).messages).toMatchObject([
      { valueText: '' },
      { valueBase64: 'AQI=', headers: {} },
    ]);
  });

  it('takes a batch of JSON messages with keys, headers and all three kinds of value', async () => {
    const { url } = await startNode();
    const messages = [
      { key: 'a', value: { nested: [1, null] }, headers: { one: '1', many: ['x', 'y'] } },
      { key: null, valueText: 'text\nof two lines' },
      { valueBase64: 'AAEC' },
      { value: null },
    ];
    const result = await publish(url, BATCH_JSON, JSON.stringify({ messages }));
    expect(result.count).toBe(4);
    expect((await read(url, '/orders')).messages).toMatchObject([
      { key: 'a', value: { nested: [1, null] }, headers: { one: '1', many: ['x', 'y'] } },
      { key: null, valueText: 'text\nof two lines', headers: {} },
      { valueBase64: 'AAEC' },
      { value: null },
    ]);
  });

  it('keeps values of a JSON batch as they are written: numbers a double can not hold, any depth, any escape', async () => {
    const { url } = await startNode();
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    const written = [
      '{"id":12345678901234567890,"big":[1e400,-0.0,0.10000000000000000001]}',
      '"a \\"quoted\\\\\\" [{,:"',
      deep,
      '{"value":{"value":2}}',
      '{"a":1,"a":2}',
      '-1.50E+2',
      'null',
      '"\\ud800"',
    ];
    const messages = written.map(
      (value) => `{ "key":"k:{" , "headers" : {"value":"no"}, "v\\u0061lue" : ${value} }`,
    );
    await publish(url, BATCH_JSON, ` {"messages" : [ ${messages.join(' , ')} ] } `);
    const response = await fetch(`${url}/orders`, { headers: { accept: 'application/x-ndjson' } });
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.map((line) => /"headers":\{"value":"no"\},"value":(.*)\}$/.exec(line)?.[1])).toEqual(
      written,
    );
  });

  it('takes the last of two members of one name, as JSON.parse does', async () => {
    const { url } = await startNode();
    await publish(url, BATCH_JSON, '{"messages":[1],"messages":[{"value":1,"value":[2]}]}');
    expect((await read(url, '/orders')).messages).toMatchObject([{ value: [2] }]);
  });

  it.each(['none', 'zstd'] as const)('stores a binary batch (%s) as it came', async (codec) => {
    const { url } = await startNode();
    const value = Buffer.from('abc '.repeat(200));
    const batch = encodeBatch({
      messages: [{ key: 'k', value, kind: 'text', headers: [['h', 'v']] }],
      codec,
    });
    await publish(url, BATCH, batch);
    const stored = await fetch(`${url}/orders`, {
      headers: { accept: 'application/vnd.message-vault.commits' },
    });
    const bytes = Buffer.from(await stored.arrayBuffer());
    expect(bytes.includes(Buffer.from(batch))).toBe(true);
    expect((await read(url, '/orders')).messages).toMatchObject([
      { key: 'k', valueText: value.toString(), headers: { h: 'v' } },
    ]);
  });

  it('gives a value that only claims to be JSON or text as what it is', async () => {
    const { url } = await startNode();
    const messages = [
      { value: Buffer.from('{broken'), kind: 'json' as const, headers: [] },
      { value: Buffer.from([0xff]), kind: 'json' as const, headers: [] },
      { value: Buffer.from([0xfe]), kind: 'text' as const, headers: [] },
    ];
    await publish(url, BATCH, encodeBatch({ messages }));
    expect((await read(url, '/orders')).messages).toMatchObject([
      { valueText: '{broken' },
      { valueBase64: '/w==' },
      { valueBase64: '/g==' },
    ]);
  });

  it('reads a body sent in chunks and one that waits for a go-ahead', async () => {
    const { url, port } = await startNode();
    const head =
      'POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n';
    const chunked = await sendRaw(
      port,
      `${head}Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n`,
      '2\r\n2]\r\n0\r\n\r\n',
    );
    expect(parseRaw(chunked).status).toBe(201);
    const asked = await sendRaw(port, `${head}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`, '3');
    expect(asked).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
    expect((await read(url, '/orders')).messages).toMatchObject([{ value: [1, 2] }, { value: 3 }]);
  });

  it('holds no body once it is answered', async () => {
    const { url, app } = await startNode();
    await Promise.all(Array.from({ length: 20 }, () => publishValues(url, 'orders', ['x'.repeat(10_000)])));
    expect(app.heldBodyBytes).toBe(0);
  });
});

describe('publishing CloudEvents', () => {
  const event = {
    specversion: '1.0',
    id: '1',
    source: '/shop',
    type: 'ordered',
    subject: 'größe',
    time: '2026-11-20T07:00:00Z',
  };
  const ceHeaders = {
    'ce-specversion': '1.0',
    'ce-id': '1',
    'ce-source': '/shop',
    'ce-type': 'ordered',
    'ce-subject': 'größe',
    'ce-time': event.time,
  };

  it('has the extension partitionkey as its key in binary mode as in structured, unless the request names another', async () => {
    const { url } = await startNode();
    const headers = { ...ceHeaders, 'ce-partitionkey': 'p%201' };
    const structured = { 'content-type': 'application/cloudevents+json' };
    const body = JSON.stringify({ ...event, partitionkey: 'p 1' });
    for (const init of [
      { headers, body: 'x' },
      { headers: structured, body },
    ])
      expect((await fetch(`${url}/orders`, { method: 'POST', ...init })).status).toBe(201);
    expect((await fetch(`${url}/orders?key=q`, { method: 'POST', headers, body: 'x' })).status).toBe(201);
    const { messages } = await read(url, '/orders');
    expect(messages.map(({ key }) => key)).toEqual(['p 1', 'p 1', 'q']);
  });

  it('keeps attributes as ce- headers and the data as the value', async () => {
    const { url } = await startNode();
    await publish(
      url,
      { 'content-type': 'application/cloudevents+json' },
      JSON.stringify({ ...event, data: { sku: 1 } }),
    );
    expect((await read(url, '/orders')).messages).toMatchObject([
      { headers: { ...ceHeaders, 'content-type': 'application/json' }, value: { sku: 1 } },
    ]);
  });

  it('reads the same whether an event came structured or in binary mode', async () => {
    const { url } = await startNode();
    await publish(
      url,
      { 'content-type': 'application/cloudevents+json' },
      JSON.stringify({ ...event, datacontenttype: 'application/json', data: { sku: 1 } }),
    );
    await publish(
      url,
      { ...ceHeaders, 'ce-subject': 'gr%C3%B6%C3%9Fe', 'content-type': 'application/json' },
      '{"sku":1}',
    );
    const [one, two] = (await read(url, '/orders')).messages;
    expect(one?.headers).toEqual(two?.headers);
    expect(one?.value).toEqual(two?.value);
  });

  it('takes batches, text and binary data, extensions and partition keys', async () => {
    const { url } = await startNode();
    const events = [
      {
        ...event,
        datacontenttype: 'text/plain',
        data: 'hello',
        partitionkey: 'p1',
        sampled: true,
        count: 3,
        gone: null,
      },
      { ...event, id: '2', datacontenttype: 'image/png', data_base64: 'AAEC' },
      { ...event, id: '3' },
      { ...event, id: '4', data: null },
    ];
    const result = await publish(
      url,
      { 'content-type': 'application/cloudevents-batch+json; charset=UTF-8' },
      JSON.stringify(events),
    );
    expect(result.count).toBe(4);
    const { messages } = await read(url, '/orders');
    expect(messages).toMatchObject([
      {
        key: 'p1',
        valueText: 'hello',
        headers: { 'ce-sampled': 'true', 'ce-count': '3', 'content-type': 'text/plain' },
      },
      { key: null, valueBase64: 'AAEC' },
      { valueBase64: '', headers: { 'ce-id': '3' } },
      { value: null, headers: { 'ce-id': '4', 'content-type': 'application/json' } },
    ]);
    expect(messages[0]?.headers).not.toHaveProperty('ce-gone');
  });
});

describe('the memory of a large batch', () => {
  const message = { value: Buffer.alloc(300_000, 'x'), kind: 'bytes' as const, headers: [] };
  const producer = { id: '0b5e6c0e-7f3a-4c39-9d56-0a1b2c3d4e5f', epoch: 0, sequence: 0 };

  it('is free as soon as it is stored, and what is stored has its own', async () => {
    const { url, node } = await startNode();
    await publish(url, BATCH, encodeBatch({ messages: [message], producer }));
    expect(node.lastBatch?.byteLength).toBe(0);
    const { messages } = await read(url, '/orders');
    expect(messages).toMatchObject([{ valueBase64: message.value.toString('base64') }]);
  });

  it('is left alone when it was refused or stored before', async () => {
    const { url, node } = await startNode();
    const batch = encodeBatch({ messages: [message], producer });
    await publish(url, BATCH, batch);
    const again = await fetch(`${url}/orders`, { method: 'POST', headers: BATCH, body: batch });
    expect(again.status).toBe(200);
    expect(node.lastBatch?.byteLength).toBe(batch.byteLength);
  });
});
