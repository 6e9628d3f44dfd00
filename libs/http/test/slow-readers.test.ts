import { connect, type Socket } from 'node:net';
import { encodeBatch } from '@message-vault/framing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ReadBudget } from '../src/read/read-budget.ts';
import { BATCH, until } from './support/requests.ts';
import { type NodeSetup, startNode } from './support/test-node.ts';

const MIB = 1024 * 1024;
const COMMITS = 'application/vnd.message-vault.commits';
const PATH = '/orders?maxBytes=100000000';

/** A stream of large commits: more than a client and the buffers on the way to it take unread. */
async function startWithLargeCommits(setup: NodeSetup, count = 5) {
  const running = await startNode(setup);
  for (let commit = 0; commit < count; commit += 1) {
    const value = Buffer.alloc(390_000, `${commit} and so on, `);
    const messages = Array.from({ length: 10 }, () => ({ value, kind: 'text' as const, headers: [] }));
    const body = encodeBatch({ messages });
    const stored = await fetch(`${running.url}/orders`, { method: 'POST', headers: BATCH, body });
    expect(stored.status).toBe(201);
  }
  return running;
}

/** A client that asks for all there is and takes nothing of it until told to. */
function ask(port: number, accept: string): Socket {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(`GET ${PATH} HTTP/1.0\r\nHost: x\r\nAccept: ${accept}\r\n\r\n`);
  return socket;
}

/** The body of what comes until the server closes. */
async function rest(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece);
  const all = Buffer.concat(pieces);
  return all.subarray(all.indexOf('\r\n\r\n') + 4);
}

async function whole(url: string, accept: string): Promise<Buffer> {
  const response = await fetch(url + PATH, { headers: { accept } });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

describe('many clients that ask for much and take nothing', () => {
  it.each(['application/json', COMMITS])(
    'hold together no more than the node allows, keep nobody from reading, and get all when they read on: %s',
    async (accept) => {
      const maxBytesInFlight = 9 * MIB;
      const { app, url, port } = await startWithLargeCommits({ read: { maxBytesInFlight } });
      const buffered: (() => number)[] = [];
      let most = 0;
      app.server.on('request', (_req, res) => {
        buffered.push(() => res.writableLength);
      });
      const watch = setInterval(() => {
        most = Math.max(most, app.heldReadBytes);
      }, 1);
      onTestFinished(() => clearInterval(watch));
      const stalled = Array.from({ length: 16 }, () => ask(port, accept));
      await until(() => buffered.length === stalled.length);
      const expected = await whole(url, accept);
      // All of them have been given up on by now or soon: nothing is held for those who are waited for.
      await until(() => app.heldReadBytes === 0);
      for (const bytes of buffered) expect(bytes()).toBeLessThan(MIB);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(maxBytesInFlight);
      for (const socket of stalled.slice(0, 3)) expect((await rest(socket)).equals(expected)).toBe(true);
    },
  );
});

describe('a client that takes little but steadily', () => {
  it('is not cut off, however long one piece takes', async () => {
    const stalledConsumerMs = 400;
    const { url, port } = await startWithLargeCommits({ http: { stalledConsumerMs } }, 4);
    const expected = await whole(url, COMMITS);
    const socket = ask(port, COMMITS);
    socket.on('data', () => {
      socket.pause();
      setTimeout(() => socket.resume(), 8);
    });
    const begun = performance.now();
    let received = 0;
    socket.on('data', (piece: Buffer) => {
      received += piece.length;
    });
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).toBeGreaterThan(expected.length);
    expect(performance.now() - begun).toBeGreaterThan(2 * stalledConsumerMs);
  });
});

describe('a budget for reads', () => {
  const signal = new AbortController().signal;

  it('gives in the order of asking, so that who wants much is not passed by those who want little', async () => {
    const budget = new ReadBudget(10);
    const order: string[] = [];
    const first = await budget.take(6, signal);
    const large = budget.take(99, signal).then((permit) => {
      order.push('large');
      permit.release();
    });
    const small = budget.take(1, signal).then((permit) => {
      order.push('small');
      permit.release();
    });
    first.shrink(2);
    expect(budget.heldBytes).toBe(2);
    first.release();
    first.release();
    await Promise.all([large, small]);
    expect(order).toEqual(['large', 'small']);
    expect(budget.heldBytes).toBe(0);
  });

  it('lets those behind one who goes away have their turn', async () => {
    const budget = new ReadBudget(10);
    const held = await budget.take(6, signal);
    const gone = new AbortController();
    const large = budget.take(8, gone.signal);
    const small = budget.take(4, signal);
    gone.abort(new Error('gone'));
    await expect(large).rejects.toThrow('gone');
    (await small).release();
    held.release();
    await expect(budget.take(1, gone.signal)).rejects.toThrow('gone');
    expect(budget.heldBytes).toBe(0);
  });
});
