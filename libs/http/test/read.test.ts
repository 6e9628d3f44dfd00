import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { json, problem, publishValues, type ReadBody, read, until } from './support/requests.ts';
import { startWithMessages } from './support/some-messages.ts';
import { startNode } from './support/test-node.ts';

const values = (body: ReadBody): unknown[] => body.messages.map(({ value }) => value);

describe('where a read starts', () => {
  it.each([
    ['', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=earliest', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=latest', []],
    ['?from=0', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=2', [2, 3, 4, 5, 6, 7, 8]],
    ['?from=seq:0', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=seq:4', [4, 5, 6, 7, 8]],
    ['?from=seq:9', []],
    ['?from=last:3', [6, 7, 8]],
    ['?from=last:0', []],
    ['?from=last:99', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=time:2020-01-01T00:00:00Z', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=time:1969-12-31T23:59:59Z', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=time:0', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['?from=time:2199-01-01T00:00:00.5%2B01:00', []],
    ['?from=time:2199-01-01T00:00:00+01:00', []],
  ])('%s', async (query, expected) => {
    const { url } = await startWithMessages();
    const body = await read(url, `/orders${query}`);
    expect(values(body)).toEqual(expected);
    expect(body.upToDate).toBe(true);
  });

  it('can be any offset an answer has given, a time, and where a publish ended', async () => {
    const { url, commits } = await startWithMessages();
    const all = await read(url, '/orders');
    for (const [index, { offset }] of all.messages.entries()) {
      expect(values(await read(url, `/orders?from=${offset}`))[0]).toBe(index);
    }
    expect(values(await read(url, `/orders?from=${commits[0]?.nextOffset}`))[0]).toBe(3);
    const { timestamp } = all.messages[0] ?? {};
    expect(values(await read(url, `/orders?from=time:${timestamp}`))[0]).toBe(0);
    const instant = new Date(Number(all.messages[8]?.timestamp)).toISOString();
    expect(values(await read(url, `/orders?from=time:${instant}`))).toContain(8);
  });

  it.each([
    'yesterday',
    '-1',
    '1.5',
    '0x10',
    '1e3',
    'seq:',
    'seq:-1',
    'seq:a',
    'last:-5',
    'last:x',
    'time:',
    'time:noon',
    'time:2026-11-20',
    'time:2026-13-40T99:00:00Z',
    'offset:5',
    '',
    '99999999999999999999',
  ])('is refused when it is %j', async (from) => {
    const { url } = await startWithMessages();
    const response = await fetch(`${url}/orders?from=${encodeURIComponent(from)}`);
    const { detail } = await problem(response, 400, 'bad_parameter');
    expect(detail).toMatch(/from is .*expected earliest, latest/);
  });

  it('is refused beyond the tail with what is there', async () => {
    const { url, commits } = await startWithMessages();
    const nextOffset = commits[2]?.nextOffset ?? 0;
    const response = await fetch(`${url}/orders?from=${nextOffset + 65_536 * 10}`);
    expect(await problem(response, 416, 'offset_out_of_range')).toMatchObject({
      earliestOffset: 0,
      nextOffset,
    });
    await problem(await fetch(`${url}/orders?from=seq:10`), 416, 'offset_out_of_range');
    await problem(await fetch(`${url}/orders?from=${nextOffset + 7}`), 416, 'offset_out_of_range');
  });

  it('is refused by sequence number beyond the tail in sequence numbers, as a read and as an event stream', async () => {
    const { url, commits } = await startWithMessages();
    for (const accept of ['application/json', 'text/event-stream']) {
      const response = await fetch(`${url}/orders?from=seq:12`, { headers: { accept } });
      const refused = await problem(response, 416, 'offset_out_of_range');
      expect(refused).toMatchObject({
        earliestOffset: 0,
        nextOffset: commits[2]?.nextOffset,
        earliestSequenceNumber: 0,
        nextSequenceNumber: 9,
      });
      expect(refused).not.toHaveProperty('offset');
      expect(refused.detail).toMatch(/no sequence number 12.* 9 is the next/);
      expect(refused.detail).not.toMatch(/offset/);
    }
  });

  it('is refused for a name nothing was published to', async () => {
    const { url } = await startNode();
    for (const path of [
      '/orders',
      '/orders?wait=1',
      '/orders/-/stats',
      '/orders/-/access',
      '/orders/-/policy',
    ]) {
      await problem(await fetch(`${url}${path}`), 404, 'no_such_name');
    }
    expect((await fetch(`${url}/orders`, { method: 'HEAD' })).status).toBe(404);
  });
});

describe('how far a read reaches', () => {
  it('follows the limit, and goes on where the last answer ended until the end', async () => {
    const { url } = await startWithMessages();
    for (const limit of [1, 2, 3, 4, 5, 9]) {
      const seen: unknown[] = [];
      let from = 0;
      for (;;) {
        const response = await fetch(`${url}/orders?from=${from}&limit=${limit}`);
        expect(response.headers.get('next-offset')).toMatch(/^\d+$/);
        const body = await json<ReadBody>(response);
        expect(body.nextOffset).toBe(Number(response.headers.get('next-offset')));
        expect(response.headers.get('up-to-date')).toBe(body.upToDate ? 'true' : null);
        expect(body.messages.length).toBeLessThanOrEqual(limit);
        seen.push(...values(body));
        from = body.nextOffset;
        if (body.upToDate) break;
      }
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
  });

  it('follows maxBytes, but for the first message, which is given whatever its size', async () => {
    const { url } = await startNode();
    const big = 'x'.repeat(1000);
    await publishValues(
      url,
      'orders',
      Array.from({ length: 10 }, (_, index) => `${index}${big}`),
    );
    const body = await read(url, '/orders?maxBytes=3100');
    expect(body).toMatchObject({ nextOffset: 3, upToDate: false });
    expect(body.messages).toHaveLength(3);
    expect((await read(url, '/orders?maxBytes=1')).messages).toHaveLength(1);
    expect((await read(url, '/orders?maxBytes=1000000')).messages).toHaveLength(10);
  });

  it('holds for the messages of a compressed batch, not for its bytes in storage', async () => {
    const { url } = await startNode();
    const { encodeBatch } = await import('@message-vault/framing');
    const value = Buffer.alloc(100_000);
    const messages = Array.from({ length: 10 }, () => ({ value, kind: 'bytes' as const, headers: [] }));
    const batch = encodeBatch({ messages, codec: 'zstd' });
    expect(batch.byteLength).toBeLessThan(10_000);
    const headers = { 'content-type': 'application/vnd.message-vault.batch' };
    await fetch(`${url}/orders`, { method: 'POST', headers, body: batch });
    expect((await read(url, '/orders?maxBytes=250000')).messages).toHaveLength(2);
  });

  it.each([
    'limit=-1',
    'limit=0',
    'limit=many',
    'limit=1.5',
    'maxBytes=-1',
    'maxBytes=0',
    'wait=-1',
    'wait=61',
    'wait=60.001',
    'wait=.5',
    'wait=1e1',
    'wait=x',
    'limit=1&limit=2',
  ])('is refused for %s', async (query) => {
    const { url } = await startWithMessages();
    const { detail } = await problem(await fetch(`${url}/orders?${query}`), 400, 'bad_parameter');
    expect(detail).toMatch(/expected/);
  });

  it('is bounded by whichever of limit and maxBytes is given, and by both when neither is', async () => {
    const { url } = await startNode({ read: { defaultMessages: 2, defaultBytes: 40 } });
    await publishValues(
      url,
      'orders',
      [1, 2, 3, 4, 5].map((value) => `${value}${'x'.repeat(20)}`),
    );
    expect((await read(url, '/orders')).messages).toHaveLength(1);
    expect((await read(url, '/orders?limit=3')).messages).toHaveLength(3);
    expect((await read(url, '/orders?maxBytes=100')).messages).toHaveLength(4);
    expect((await read(url, '/orders?limit=3&maxBytes=50')).messages).toHaveLength(2);
  });

  it('is bounded by the node however much is asked for', async () => {
    const { url } = await startNode({ read: { maxMessages: 4 } });
    await publishValues(url, 'orders', [1, 2, 3, 4, 5]);
    expect(values(await read(url, '/orders?limit=100'))).toEqual([1, 2, 3, 4]);
  });

  it('is the same when it takes many steps as in one, in every format', async () => {
    const { url } = await startNode({ read: { stepBytes: 512 } });
    const expected: unknown[] = [];
    for (let index = 0; index < 30; index += 1) {
      const batch = Array.from({ length: (index % 4) + 1 }, (_, place) => `${index}.${place}`);
      expected.push(...batch);
      await publishValues(url, 'orders', batch);
    }
    const whole = await read(url, '/orders');
    expect(values(whole)).toEqual(expected);
    expect(whole.upToDate).toBe(true);
    const lines = await (
      await fetch(`${url}/orders`, { headers: { accept: 'application/x-ndjson' } })
    ).text();
    expect(
      lines
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).value),
    ).toEqual(expected);
    const some = await read(url, '/orders?from=seq:7&limit=25');
    expect(values(some)).toEqual(expected.slice(7, 32));
  });

  it('streams what is too large for one piece to a client that reads slowly', async () => {
    const { url, port, app } = await startNode();
    const text = 'y'.repeat(100_000);
    for (let index = 0; index < 4; index += 1)
      await publishValues(
        url,
        'orders',
        Array.from({ length: 20 }, () => text),
      );
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /orders?maxBytes=100000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let received = 0;
    let ended = false;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    socket.on('close', () => {
      ended = true;
    });
    await until(() => ended);
    expect(received).toBeGreaterThan(80 * 100_000);
    expect(app.heldBodyBytes).toBe(0);
  });

  it('ends for a client that goes away in the middle, and for nobody else', async () => {
    const { url, port, node } = await startNode();
    for (let index = 0; index < 4; index += 1) {
      await publishValues(
        url,
        'orders',
        Array.from({ length: 20 }, () => 'y'.repeat(100_000)),
      );
    }
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /orders?maxBytes=100000000 HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await until(() => node.leases === 0);
    expect((await read(url, '/orders?limit=1')).messages).toHaveLength(1);
  });

  it('is cut off for a client that takes nothing for too long', async () => {
    const { url, port, node } = await startNode({ http: { stalledConsumerMs: 50 } });
    for (let index = 0; index < 4; index += 1) {
      await publishValues(
        url,
        'orders',
        Array.from({ length: 30 }, () => 'y'.repeat(100_000)),
      );
    }
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET /orders?maxBytes=100000000 HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => node.leases === 1);
    await until(() => node.leases === 0);
    socket.destroy();
  });
});

describe('waiting for news', () => {
  it('answers as soon as there are some', async () => {
    const { url, node } = await startWithMessages();
    const waiting = read(url, '/orders?from=latest&wait=60');
    await until(() => node.leases === 1);
    await publishValues(url, 'orders', [9, 10]);
    expect(values(await waiting)).toEqual([9, 10]);
  });

  it('answers with nothing when the time is over, and at once when there is something', async () => {
    const { url } = await startWithMessages();
    expect(await read(url, '/orders?from=latest&wait=0.2')).toMatchObject({ messages: [], upToDate: true });
    expect(values(await read(url, '/orders?from=last:1&wait=60'))).toEqual([8]);
  });

  it('ends when the client goes away', async () => {
    const { url, node } = await startWithMessages();
    const controller = new AbortController();
    const waiting = fetch(`${url}/orders?from=latest&wait=60`, { signal: controller.signal });
    await until(() => node.leases === 1);
    controller.abort();
    await expect(waiting).rejects.toThrow();
    await until(() => node.leases === 0);
  });
});
