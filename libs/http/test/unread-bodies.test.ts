import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { sendRaw } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

/** Sends a head and then pieces of a body for as long as the connection lives; answers what came back. */
function dripping(port: number, head: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`${head}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const drip = setInterval(() => socket.write('1\r\nx\r\n'), 5);
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
}

/** Sends a head and then a body as fast as it is taken; answers how many bytes were. */
function pouring(port: number, head: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const piece = Buffer.alloc(64 * 1024);
    const pour = (): void => {
      socket.write(piece, (error) => error ?? pour());
    };
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.on('close', () => resolve(socket.bytesWritten));
    socket.write(`${head}Host: x\r\nContent-Length: 100000000000\r\n\r\n`, pour);
  });
}

describe('a body that nobody reads', () => {
  it.each([
    ['comes with a request that has none', 'GET /-/health/live HTTP/1.1\r\n', 200],
    ['comes with a GET of a name', 'GET /orders HTTP/1.1\r\n', 404],
    ['comes with a method that is none here', 'DELETE /orders/-/stats HTTP/1.1\r\n', 405],
    ['was refused', 'POST /-/nothing HTTP/1.1\r\n', 400],
  ])('and %s, dripping for ever, does not keep its connection', async (_what, head, status) => {
    const { port } = await startNode({ http: { unreadBodyTimeoutMs: 50 } });
    expect(await dripping(port, head)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it.each(['GET /-/health/live HTTP/1.1\r\n', 'POST /orders HTTP/1.1\r\n'])(
    'is not taken for long, however fast it comes: %j',
    async (head) => {
      const { port } = await startNode({
        http: { unreadBodyTimeoutMs: 100_000, maxUnreadBodyBytes: 1024 * 1024 },
      });
      expect(await pouring(port, head)).toBeGreaterThan(1024 * 1024);
    },
  );

  it('and comes to its end leaves the connection fit for more', async () => {
    const { port } = await startNode();
    const text = await sendRaw(
      port,
      'GET /-/health/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
      '4\r\nsome\r\n0\r\n\r\n',
      'GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 404 /);
  });
});
