import { Agent, type IncomingMessage, request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { client, httpServer, link } from './servers.ts';

/** For what happens in its own time, on a machine that may be busy. */
const patience = { timeout: 15_000 };

interface Answer {
  status: number;
  headers: string[];
  body: string;
}

/** One request through node:http, which shows what went over the wire as it was. */
function ask(
  url: string,
  options: { method?: string; headers?: string[]; body?: string | Buffer; agent?: Agent } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: options.method, headers: options.headers, agent: options.agent },
      (response) => {
        let body = '';
        response.on('error', reject);
        response.setEncoding('utf8').on('data', (text) => {
          body += text;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.rawHeaders, body }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a link that knows HTTP', () => {
  it('passes method, path, headers and body on as they are', async () => {
    const target = await httpServer(async (request, response) => {
      const body = (await bodyOf(request)).toString();
      response.sendDate = false;
      response.writeHead(207, 'Quite Fine', ['X-One', 'a', 'x-One', 'b', 'ETag', '"0x8"']);
      response.end(
        JSON.stringify({ url: request.url, method: request.method, raw: request.rawHeaders, body }),
      );
    });
    const way = await link({ target, protocol: 'http' });
    const answer = await ask(`${way.url}/a%2Fb?comp=page&x=%20`, {
      method: 'PUT',
      headers: ['Host', 'storage.example:10000', 'X-MS-Date', 'today', 'x-ms-b', '2', 'Content-Length', '4'],
      body: 'body',
    });
    expect(answer.status).toBe(207);
    expect(answer.headers.slice(0, 6)).toEqual(['X-One', 'a', 'x-One', 'b', 'ETag', '"0x8"']);
    expect(JSON.parse(answer.body)).toEqual({
      url: '/a%2Fb?comp=page&x=%20',
      method: 'PUT',
      raw: ['Host', 'storage.example:10000', 'X-MS-Date', 'today', 'x-ms-b', '2', 'Content-Length', '4'],
      body: 'body',
    });
  });

  it('passes large bodies both ways, with a length or in chunks', async () => {
    const target = await httpServer((request, response) => void request.pipe(response));
    const way = await link({ target, protocol: 'http' });
    const body = 'x'.repeat(5 * 1024 * 1024);
    for (const headers of [
      ['Content-Length', String(body.length)],
      ['Transfer-Encoding', 'chunked'],
    ]) {
      const answer = await ask(way.url, { method: 'POST', headers: ['Host', 'x', ...headers], body });
      expect(answer.body === body).toBe(true);
    }
  });

  it('passes answers without a body, and the beginning of one that never ends', async () => {
    const target = await httpServer((request, response) => {
      if (request.url === '/stream') response.write('data: 1\n\n');
      else response.writeHead(request.method === 'HEAD' ? 200 : 304, { 'content-length': 7 }).end();
    });
    const way = await link({ target, protocol: 'http' });
    expect(await ask(way.url, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect(await ask(way.url)).toMatchObject({ status: 304, body: '' });
    const stream = await fetch(`${way.url}/stream`);
    const first = await stream.body?.getReader().read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe('data: 1\n\n');
  });

  it('keeps a connection for several requests, and ends it when the target ends its own', async () => {
    let connections = 0;
    const target = await httpServer((request, response) => {
      if (request.url === '/last') request.socket.end();
      response.end('ok');
    });
    const way = await link({ target, protocol: 'http' });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    for (const path of ['/', '/', '/last'])
      await ask(`${way.url}${path}`, { agent }).catch(() => connections++);
    expect(way.stats).toMatchObject({ connectionsTotal: 1, requests: 3, disturbed: 0 });
    expect(await ask(way.url, { agent })).toMatchObject({ body: 'ok' });
    expect(way.stats.connectionsTotal).toBe(2);
  });

  it('resets the client when the target breaks off in the middle of an answer', async () => {
    const target = await httpServer((request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.resetAndDestroy());
    });
    const way = await link({ target, protocol: 'http' });
    await expect(ask(way.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('carries out a write whose sender has closed its side, and gives up a read', async () => {
    const saw: string[] = [];
    const target = await httpServer(async (request, response) => {
      saw.push(`${request.method}`);
      response.on('close', () => saw.push(response.writableFinished ? 'answered' : 'given up'));
      if (request.method === 'GET') return;
      await bodyOf(request);
      // An answer that takes a turn or two, so that the end of the sender is here first.
      setImmediate(() => setImmediate(() => response.end('done')));
    });
    const way = await link({ target, protocol: 'http' });
    const writer = await client(way.address);
    writer.socket.end('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx');
    await writer.ended;
    expect(writer.heard()).toMatch(/done/);
    const reader = await client(way.address);
    reader.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => saw, patience).toEqual(['PUT', 'answered', 'GET']);
    reader.socket.end();
    await expect.poll(() => saw, patience).toEqual(['PUT', 'answered', 'GET', 'given up']);
  });

  it('also does what a link of bytes does', async () => {
    const target = await httpServer((_request, response) => void response.end('ok'));
    const way = await link({ target, protocol: 'http' });
    await way.setMode({ mode: 'cut' });
    await expect(ask(way.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await way.setMode({ mode: 'refuse' });
    await expect(ask(way.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await way.setMode({ mode: 'pass' });
    expect(await ask(way.url)).toMatchObject({ body: 'ok' });
  });
});

describe('a link that answers with errors', () => {
  it('answers as Azure Storage does, and the target never hears of the request', async () => {
    let heard = 0;
    const target = await httpServer((_request, response) => {
      heard += 1;
      response.end('ok');
    });
    const way = await link({ target, protocol: 'http' });
    await way.setMode({ mode: 'errors', share: 1, retryAfterSeconds: 2 });
    const answer = await ask(way.url, { method: 'PUT', body: 'x'.repeat(1024 * 1024) });
    expect(answer.status).toBe(503);
    expect(answer.body).toMatch(/^<\?xml .*<Error><Code>ServerBusy<\/Code><Message>The server is busy\./);
    const headers = new Map(answer.headers.map((name, at) => [name.toLowerCase(), answer.headers[at + 1]]));
    expect(headers.get('x-ms-error-code')).toBe('ServerBusy');
    expect(headers.get('retry-after')).toBe('2');
    await way.setMode({ mode: 'errors', share: 1, status: 500 });
    expect((await ask(way.url)).body).toContain('<Code>InternalError</Code>');
    expect(await ask(way.url, { method: 'HEAD' })).toMatchObject({ status: 500, body: '' });
    expect(heard).toBe(0);
    expect(way.stats).toMatchObject({ requests: 3, disturbed: 3 });
  });

  it('picks the share of requests it was told, by the randomness it was given', async () => {
    const target = await httpServer((_request, response) => void response.end('ok'));
    const luck = [0.1, 0.5, 0.49, 0.9];
    const way = await link({ target, protocol: 'http', random: () => luck.shift() ?? 1 });
    await way.setMode({ mode: 'errors', share: 0.5 });
    const statuses: number[] = [];
    for (let at = 0; at < 5; at++) statuses.push((await ask(way.url)).status);
    expect(statuses).toEqual([503, 200, 503, 200, 200]);
    expect(way.stats).toMatchObject({ requests: 5, disturbed: 2 });
  });

  it('leaves reads alone when it is for writes, and the other way round', async () => {
    const target = await httpServer((_request, response) => void response.end('ok'));
    const way = await link({ target, protocol: 'http' });
    await way.setMode({ mode: 'errors', share: 1, only: 'writes' });
    expect([(await ask(way.url)).status, (await ask(way.url, { method: 'PUT' })).status]).toEqual([200, 503]);
    await way.setMode({ mode: 'errors', share: 1, only: 'reads' });
    expect([(await ask(way.url)).status, (await ask(way.url, { method: 'PUT' })).status]).toEqual([503, 200]);
  });
});

describe('a link that drops answers', () => {
  it('lets the request be carried out and resets the connection', async () => {
    const carriedOut: string[] = [];
    const target = await httpServer(async (request, response) => {
      carriedOut.push((await bodyOf(request)).toString());
      response.end('done');
    });
    const way = await link({ target, protocol: 'http' });
    await way.setMode({ mode: 'drop-answer', share: 1, only: 'writes' });
    await expect(ask(way.url, { method: 'PUT', body: 'one' })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(carriedOut).toEqual(['one']);
    expect((await ask(way.url)).body).toBe('done');
  });

  it('does so in the middle of a connection that is kept', async () => {
    const target = await httpServer((_request, response) => void response.end('done'));
    const way = await link({ target, protocol: 'http' });
    const caller = await client(way.address);
    caller.socket.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => caller.heard(), patience).toContain('done');
    await way.setMode({ mode: 'drop-answer', share: 1 });
    caller.socket.write('GET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await caller.ended).toBe('ECONNRESET');
    expect(caller.heard().match(/done/g)).toHaveLength(1);
  });
});
