import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { json, parseRaw, problem, publishValues, sendRaw, until } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const HEAD = 'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n';

describe('a body', () => {
  it('that stalls is cut off with 408 and nothing is stored', async () => {
    const { port, node, app } = await startNode({ http: { bodyTimeoutMs: 50 } });
    const { status, head, body } = parseRaw(
      await sendRaw(port, `${HEAD}Content-Length: 100\r\n\r\n`, 'some'),
    );
    expect(status).toBe(408);
    expect(head).toMatch(/connection: close/i);
    expect(body).toMatchObject({
      code: 'request_timeout',
      detail: expect.stringMatching(/50 ms, with 4 bytes/),
    });
    expect(node.names.size).toBe(0);
    expect(app.heldBodyBytes).toBe(0);
  });

  it('that never begins is cut off as well', async () => {
    const { port } = await startNode({ http: { bodyTimeoutMs: 50 } });
    expect(parseRaw(await sendRaw(port, `${HEAD}Content-Length: 100\r\n\r\n`)).status).toBe(408);
  });

  it('that drips in for ever is cut off when its time is over, however lively it is', async () => {
    const { port, node } = await startNode({ http: { bodyTimeoutMs: 10_000, bodyTotalTimeoutMs: 100 } });
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      const drip = setInterval(() => socket.write('1\r\nx\r\n'), 10);
      let received = '';
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(drip);
        resolve(received);
      });
    });
    expect(parseRaw(answer)).toMatchObject({ status: 408, body: { code: 'request_timeout' } });
    expect(node.names.size).toBe(0);
  });

  it('that never ends is refused as soon as it is too long, though its length was not announced', async () => {
    const { port, node, app } = await startNode({ http: { maxBodyBytes: 1000 } });
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    const text = await sendRaw(
      port,
      `${HEAD}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
      chunk,
      '0\r\n\r\n',
    );
    expect(parseRaw(text)).toMatchObject({ status: 413, body: { code: 'too_large', limit: 1000 } });
    expect(node.names.size).toBe(0);
    expect(app.heldBodyBytes).toBe(0);
  });

  it('that is announced too long is refused before it is read, with the connection fit for more', async () => {
    const { port } = await startNode({ http: { maxBodyBytes: 1000 } });
    const next = 'GET /-/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const text = await sendRaw(port, `${HEAD}Content-Length: 2000\r\n\r\n`, 'x'.repeat(2000), next);
    expect(text).toMatch(/^HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 200 /);
  });

  it('that goes on for ever after it was refused is not listened to for long', async () => {
    const { port } = await startNode({ http: { maxBodyBytes: 1000 } });
    const socket = connect(port, '127.0.0.1');
    let received = '';
    let sent = 0;
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    const sendMore = (): void => {
      sent += 1024 * 1024;
      socket.write(Buffer.alloc(1024 * 1024), (error) => error ?? sendMore());
    };
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.write(`${HEAD}Content-Length: 100000000000\r\n\r\n`, sendMore);
    await closed;
    expect(parseRaw(received)).toMatchObject({ status: 413, body: { code: 'too_large' } });
    expect(sent).toBeGreaterThan(1024 * 1024);
  });

  it('that is announced too long is not asked for', async () => {
    const { port } = await startNode({ http: { maxBodyBytes: 1000 } });
    const text = await sendRaw(port, `${HEAD}Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('whose client vanishes in the middle leaves nothing', async () => {
    const { port, node, app } = await startNode();
    const socket = connect(port, '127.0.0.1');
    socket.write(`${HEAD}Content-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`);
    await until(() => app.heldBodyBytes === 50_000);
    socket.destroy();
    await until(() => app.heldBodyBytes === 0);
    expect(node.names.size).toBe(0);
  });

  it('is not taken while all bodies together are too large', async () => {
    const { url, port, node, app } = await startNode({ http: { maxBodyBytesInFlight: 60_000 } });
    const socket = connect(port, '127.0.0.1');
    socket.write(`${HEAD}Content-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`);
    await until(() => app.heldBodyBytes === 50_000);
    const refused = await fetch(`${url}/orders`, { method: 'POST', body: 'y'.repeat(20_000) });
    expect(refused.headers.get('retry-after')).toBe('1');
    await problem(refused, 503, 'busy');
    socket.destroy();
    await until(() => app.heldBodyBytes === 0);
    await publishValues(url, 'orders', [1]);
    expect(await node.stored('orders')).toBe(1);
  });

  it('with broken chunks is refused', async () => {
    const { port, node } = await startNode();
    const text = await sendRaw(port, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, 'zz\r\nx\r\n');
    expect(parseRaw(text)).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    expect(node.names.size).toBe(0);
  });
});

describe('a request that never becomes one', () => {
  it('because of 10,000 header bytes is answered with 431 as a problem', async () => {
    const { port, node } = await startNode();
    const text = await sendRaw(port, `${HEAD}Content-Length: 1\r\nX-Long: ${'h'.repeat(10_000)}\r\n\r\n1`);
    const { status, head, body } = parseRaw(text);
    expect(status).toBe(431);
    expect(head).toMatch(/content-type: application\/problem\+json/i);
    expect(head).toMatch(
      /vault-node: leader-1\r\nvault-role: leading\r\nvault-epoch: 7\r\nvault-leader: http:[^\r]+\r\nx-request-id: /i,
    );
    expect(body).toMatchObject({ code: 'headers_too_large', limit: 8192, status: 431 });
    expect(node.names.size).toBe(0);
  });

  it.each(['nonsense\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n'])(
    'because it is %j is answered with 400 as a problem',
    async (bytes) => {
      const { port } = await startNode();
      expect(parseRaw(await sendRaw(port, bytes))).toMatchObject({
        status: 400,
        body: { code: 'bad_request' },
      });
    },
  );

  it('because it has no Host is answered with 400 as a problem', async () => {
    const { port } = await startNode();
    const { status, body } = parseRaw(await sendRaw(port, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'));
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'bad_request' });
  });

  it('because its headers never end is answered with 408 as a problem', async () => {
    const { port } = await startNode({ http: { headersTimeoutMs: 50 } });
    const { status, body } = parseRaw(await sendRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\n'));
    expect({ status, code: body.code }).toEqual({ status: 408, code: 'request_timeout' });
  });
});

describe('every answer', () => {
  it('keeps a sane request id and replaces any other', async () => {
    const { url } = await startNode();
    const idOf = async (id: string) =>
      (await fetch(`${url}/-/health/live`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idOf('abc-123:4')).toBe('abc-123:4');
    expect(await idOf('spaces in it')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf('x'.repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('says who gave it and who leads', async () => {
    const { url, node } = await startNode();
    node.status.leader = undefined;
    node.status.role = 'standby';
    const { headers } = await fetch(`${url}/nothing`);
    expect([...headers].filter(([name]) => name.startsWith('vault-'))).toEqual([
      ['vault-epoch', '7'],
      ['vault-leader', 'none'],
      ['vault-node', 'leader-1'],
      ['vault-role', 'standby'],
    ]);
  });

  it('to a program is a problem when something went wrong, without a word of the inside', async () => {
    const { url, node } = await startNode();
    node.beforePublish = () => {
      throw new TypeError('secret detail of a bug');
    };
    const response = await fetch(`${url}/orders`, {
      method: 'POST',
      body: 'x',
      headers: { accept: 'text/html' },
    });
    const body = await problem(response, 500, 'internal_error');
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(body.requestId).toBe(response.headers.get('x-request-id'));
  });

  it('names the methods there are when one is not', async () => {
    const { url } = await startNode();
    const put = await fetch(`${url}/orders`, { method: 'PUT', body: 'x' });
    expect(put.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
    await problem(put, 405, 'method_not_allowed');
    const del = await fetch(`${url}/-/cluster`, { method: 'DELETE' });
    expect(del.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    const options = await fetch(`${url}/orders/-/stats`, { method: 'OPTIONS' });
    expect({ status: options.status, allow: options.headers.get('allow') }).toEqual({
      status: 204,
      allow: 'GET, HEAD, OPTIONS',
    });
  });
});

describe('closing the server', () => {
  it('finishes what is under way, ends waits and event streams, and takes nothing new', async () => {
    const { url, app, node } = await startNode();
    await publishValues(url, 'orders', [1]);
    const blocked = Promise.withResolvers<void>();
    const waits = fetch(`${url}/orders?from=latest&wait=60`).then((response) =>
      json<{ upToDate: boolean }>(response),
    );
    const events = await fetch(`${url}/orders?from=latest`, { headers: { accept: 'text/event-stream' } });
    const entered = new Promise<void>((resolve) => {
      node.beforePublish = () => {
        resolve();
        return blocked.promise;
      };
    });
    const publishing = fetch(`${url}/orders`, { method: 'POST', body: 'x' });
    await entered;
    await until(() => node.leases >= 2);
    const closed = app.close(60_000);
    expect(await waits).toMatchObject({ messages: [], upToDate: true });
    expect(await events.text()).toMatch(/^: orders from/);
    blocked.resolve();
    expect((await publishing).status).toBe(201);
    await closed;
    await expect(fetch(url)).rejects.toThrow();
    expect(node.leases).toBe(0);
  });
});

describe('a body in a transfer encoding', () => {
  const send = (port: number, encoding: string): Promise<string> => {
    const head = `${HEAD}Transfer-Encoding: ${encoding}\r\nConnection: close\r\n\r\n`;
    return sendRaw(port, head, '4\r\nsome\r\n0\r\n\r\n');
  };

  it.each(['gzip, chunked', 'deflate, chunked'])(
    'nobody undoes, %s, is refused instead of stored as it came',
    async (encoding) => {
      const { port, node } = await startNode();
      expect(parseRaw(await send(port, encoding))).toMatchObject({
        status: 400,
        body: { code: 'bad_request', detail: expect.stringContaining(encoding) },
      });
      expect(node.names.size).toBe(0);
    },
  );

  it('is taken in chunks, however that is written', async () => {
    const { port } = await startNode();
    expect(parseRaw(await send(port, 'Chunked')).status).toBe(201);
  });
});
