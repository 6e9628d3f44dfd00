import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { TransportError, type TransportRequest } from '../src/transport.ts';
import { undiciTransport } from '../src/undici-transport.ts';
import { deadUrl, startPeer } from './support/http-peer.ts';

const options = { maxConnectionsPerNode: 4, pipelining: 8, connectTimeoutMs: 1000 };

function post(url: string, body: string, more: Partial<TransportRequest> = {}): TransportRequest {
  return {
    url,
    method: 'POST',
    path: '/orders',
    headers: { 'content-type': 'text/plain' },
    body: Buffer.from(body),
    lane: 0,
    stallTimeoutMs: 10_000,
    maxResponseBytes: 1000,
    ...more,
  };
}

const failure = (sending: Promise<unknown>): Promise<TransportError> =>
  sending.then(
    () => {
      throw new Error('it should have failed');
    },
    (error: unknown) => {
      if (error instanceof TransportError) return error;
      throw error;
    },
  );

describe('the undici transport', () => {
  test('requests of one lane go over one connection in order, without waiting for answers', async () => {
    const waiting: { body: string; response: ServerResponse }[] = [];
    let allArrived = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      allArrived = resolve;
    });
    await using peer = await startPeer((_request, response, body) => {
      waiting.push({ body: body.toString(), response });
      if (waiting.length === 4) allArrived();
    });
    const transport = undiciTransport(options);
    const answers = ['a', 'b', 'c', 'd'].map((body) => transport.send(post(peer.url, body)));
    await arrived;
    expect(waiting.map(({ body }) => body)).toEqual(['a', 'b', 'c', 'd']);
    expect(peer.connections()).toBe(1);
    for (const { body, response } of waiting) response.writeHead(201, { 'x-said': body }).end(body);
    const got = await Promise.all(answers);
    expect(got.map(({ body }) => Buffer.from(body).toString())).toEqual(['a', 'b', 'c', 'd']);
    expect(got[2]).toMatchObject({ status: 201, headers: { 'x-said': 'c' } });
    await transport.close();
  });

  test('when the connection breaks, everything on it fails as sent, and nothing is quietly sent again', async () => {
    const bodies: string[] = [];
    await using peer = await startPeer((request, _response, body) => {
      bodies.push(body.toString());
      if (bodies.length === 3) request.socket.destroy();
    });
    const transport = undiciTransport(options);
    const errors = await Promise.all(
      ['a', 'b', 'c'].map((body) => failure(transport.send(post(peer.url, body)))),
    );
    expect(errors.map(({ code, sent }) => ({ code, sent }))).toEqual(
      Array.from({ length: 3 }, () => ({ code: 'lost', sent: true })),
    );
    // Whatever was to be repeated would come before this.
    const last = failure(transport.send(post(peer.url, 'd')));
    await expect.poll(() => bodies.at(-1)).toBe('d');
    expect(bodies).toEqual(['a', 'b', 'c', 'd']);
    await transport.close();
    await last;
  });

  test('nobody listening: certainly not sent', async () => {
    const transport = undiciTransport(options);
    const error = await failure(transport.send(post(await deadUrl(), 'a')));
    expect(error).toMatchObject({ code: 'unreachable', sent: false });
    await transport.close();
  });

  test('the lane works again once the node is back', async () => {
    let broken = true;
    await using peer = await startPeer((request, response) => {
      if (broken) request.socket.destroy();
      else response.end('fine');
    });
    const transport = undiciTransport(options);
    await failure(transport.send(post(peer.url, 'a')));
    broken = false;
    expect((await transport.send(post(peer.url, 'b'))).status).toBe(200);
    await transport.close();
  });

  test('silence is a time-out, for a lane and for all who share it', async () => {
    await using peer = await startPeer(() => {});
    const transport = undiciTransport(options);
    const errors = await Promise.all(
      ['a', 'b'].map((body) => failure(transport.send(post(peer.url, body, { stallTimeoutMs: 200 })))),
    );
    expect(errors[0]).toMatchObject({ code: 'timeout', sent: true });
    expect(errors[1]).toMatchObject({ sent: true });
    await transport.close();
  });

  test('an answer that stalls half-way is a time-out', async () => {
    await using peer = await startPeer((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half');
    });
    const transport = undiciTransport(options);
    const error = await failure(
      transport.send(post(peer.url, 'a', { stallTimeoutMs: 200, lane: undefined })),
    );
    expect(error).toMatchObject({ code: 'timeout', sent: true });
    await transport.close();
  });

  test('an answer cut short is no answer', async () => {
    await using peer = await startPeer((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half', () => response.destroy());
    });
    const transport = undiciTransport(options);
    expect(await failure(transport.send(post(peer.url, 'a', { lane: undefined })))).toMatchObject({
      code: 'lost',
      sent: true,
    });
    await transport.close();
  });

  test('aborting fails the request at once', async () => {
    let arrived = (): void => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await using peer = await startPeer(() => arrived());
    const transport = undiciTransport(options);
    const controller = new AbortController();
    const sending = failure(transport.send(post(peer.url, 'a', { signal: controller.signal })));
    await arrival;
    controller.abort(new Error('enough'));
    expect(await sending).toMatchObject({ code: 'aborted', sent: true });
    expect(await failure(transport.send(post(peer.url, 'b', { signal: controller.signal })))).toMatchObject({
      code: 'aborted',
      sent: false,
    });
    await transport.close();
  });

  test('an answer larger than allowed is given up, with and without an announced length', async () => {
    await using peer = await startPeer((request, response) => {
      if (request.url === '/announced') response.setHeader('content-length', '2000');
      response.write('x'.repeat(500));
      response.end('x'.repeat(1500));
    });
    const transport = undiciTransport(options);
    for (const path of ['/announced', '/chunked']) {
      expect(await failure(transport.send(post(peer.url, 'a', { path, lane: undefined })))).toMatchObject({
        code: 'too_large',
      });
    }
    await transport.close();
  });

  test('large answers come whole', async () => {
    const large = Buffer.alloc(5_000_000, 'vault');
    await using peer = await startPeer((request, response) => {
      if (request.url === '/announced') response.setHeader('content-length', large.byteLength);
      response.write(large.subarray(0, 1_234_567));
      response.end(large.subarray(1_234_567));
    });
    const transport = undiciTransport(options);
    for (const path of ['/announced', '/chunked']) {
      const { body } = await transport.send(
        post(peer.url, '', {
          method: 'GET',
          path,
          body: undefined,
          lane: undefined,
          maxResponseBytes: 6_000_000,
        }),
      );
      expect(large.equals(body)).toBe(true);
    }
    await transport.close();
  });

  test('what is no HTTP at all is a lost connection', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.resume();
      socket.end('hello, this is something else\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const transport = undiciTransport(options);
    expect(await failure(transport.send(post(`http://127.0.0.1:${port}`, 'a')))).toMatchObject({
      code: 'lost',
      sent: true,
    });
    await transport.close();
    await new Promise((resolve) => server.close(resolve));
  });

  test('closing fails what is under way', async () => {
    let arrived = (): void => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await using peer = await startPeer(() => arrived());
    const transport = undiciTransport(options);
    const sending = failure(transport.send(post(peer.url, 'a')));
    await arrival;
    await transport.close();
    expect(await sending).toMatchObject({ sent: true });
    expect(await failure(transport.send(post(peer.url, 'b')))).toMatchObject({ code: 'closed', sent: false });
  });
});
