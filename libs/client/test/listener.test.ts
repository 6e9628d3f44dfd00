import { createServer } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type ClientOptions, createClient, type ListenerOptions, type RouterMessage } from '../src/index.ts';
import { BusPeer } from './support/bus-peer.ts';
import { deadUrl } from './support/http-peer.ts';

async function setUp(options: Partial<ClientOptions> = {}) {
  const peer = await BusPeer.start();
  const client = createClient({ urls: [peer.url], ...options });
  const stop = new AbortController();
  onTestFinished(async () => {
    stop.abort();
    await client.close();
    await peer[Symbol.asyncDispose]();
  });
  const listen = (handler: (message: RouterMessage) => unknown, more: ListenerOptions = {}) =>
    client.router('shop/work').listen(handler, { signal: stop.signal, ...more });
  return { peer, client, stop, listen };
}

const frame = (offset: number, more: object = {}) =>
  JSON.stringify({
    type: 'message',
    offset,
    sequenceNumber: offset,
    id: `id-${offset}`,
    timestamp: 1,
    key: 'k',
    headers: { a: '1' },
    value: { n: offset },
    ...more,
  });

test('messages come one after the other and are acknowledged when the handler is through', async () => {
  const { peer, stop, listen } = await setUp();
  peer.onConnect = (socket) => {
    for (const offset of [0, 1, 2]) socket.send(frame(offset));
  };
  const seen: unknown[] = [];
  let running = 0;
  await listen(async (message) => {
    running += 1;
    expect(running).toBe(1);
    expect(peer.acks).not.toContain(message.offset);
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(message.json());
    running -= 1;
    if (seen.length === 3) stop.abort();
  });
  expect(seen).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  await vi.waitFor(() => expect(peer.acks).toEqual([0, 1, 2]));
});

test('it comes back as the same listener, and a repeat of what it is through with is only acknowledged', async () => {
  const { peer, stop, listen } = await setUp();
  peer.stats = { ...peer.stats, distribution: 'all' };
  peer.onAck = (offset, socket) => {
    // The first connection breaks before the acknowledgement is durable.
    if (peer.connects.length === 1) socket.terminate();
    else socket.send(JSON.stringify({ type: 'acked', offset }));
  };
  peer.onConnect = (socket) => {
    socket.send(frame(7));
    if (peer.connects.length === 2) socket.send(frame(8));
  };
  const seen: number[] = [];
  await listen(
    ({ offset }) => {
      seen.push(offset);
      if (offset === 8) stop.abort();
    },
    { from: 'earliest', filter: "key = 'k'" },
  );
  expect(seen).toEqual([7, 8]);
  await vi.waitFor(() => expect(peer.acks).toEqual([7, 7, 8]));
  const [first, second] = peer.connects.map((url) => new URL(url, peer.url).searchParams);
  expect(second?.get('listener')).toBe(first?.get('listener'));
  expect(first?.get('filter')).toBe("key = 'k'");
  expect([first?.get('from'), second?.get('from')]).toEqual(['earliest', '8']);
});

test('of a router to all it goes on where it was, though it came back late; of one to one the node knows', async () => {
  for (const [distribution, places] of [
    ['all', ['5', '21']],
    ['one', [null, null]],
  ] as const) {
    const { peer, stop, listen } = await setUp();
    peer.stats = { ...peer.stats, distribution };
    peer.onConnect = (socket) => socket.send(frame(19 + peer.connects.length));
    peer.onAck = (_offset, socket) => {
      if (peer.connects.length === 1) socket.terminate();
      else stop.abort();
    };
    await listen(() => {});
    expect(peer.connects.map((url) => new URL(url, peer.url).searchParams.get('from'))).toEqual(places);
  }
});

test('a name that is no router is told of at once', async () => {
  const { peer, listen } = await setUp();
  peer.stats = { queue: 'shop/work', depth: 1 };
  await expect(listen(() => {})).rejects.toMatchObject({ code: 'rejected' });
});

test('of one to one no more is asked for than is worked on; the rest is for others meanwhile', async () => {
  for (const [distribution, more, window] of [
    ['one', {}, '1'],
    ['one', { concurrency: 8 }, '8'],
    ['one', { window: 32 }, '32'],
    ['all', {}, '256'],
  ] as const) {
    const { peer, stop, listen } = await setUp();
    peer.stats = { ...peer.stats, distribution };
    await listen(() => {}, { ...more, onConnected: () => stop.abort() });
    expect(peer.connects.map((url) => new URL(url, peer.url).searchParams.get('window'))).toEqual([window]);
  }
});

test('it ends when another takes its place, or the name is no router any more', async () => {
  for (const [code, meaning] of [
    [4409, 'conflict'],
    [4404, 'not_found'],
  ] as const) {
    const { peer, listen } = await setUp();
    peer.onConnect = (socket) => socket.close(code);
    await expect(listen(() => {})).rejects.toMatchObject({ code: meaning });
  }
});

test('a message whose handler runs while the connection is lost is not handled twice', async () => {
  const { peer, stop, listen } = await setUp();
  peer.onConnect = (socket) => socket.send(frame(1));
  let runs = 0;
  await listen(async () => {
    runs += 1;
    for (const socket of peer.sockets) socket.terminate();
    await vi.waitFor(() => expect(peer.connects).toHaveLength(2));
    setTimeout(() => stop.abort(), 50);
  });
  expect(runs).toBe(1);
  await vi.waitFor(() => expect(peer.acks).toContain(1));
});

test('a handler that throws gets the same message again, and it is told of', async () => {
  const { peer, stop, listen } = await setUp();
  peer.onConnect = (socket) => socket.send(frame(1));
  const problems: unknown[] = [];
  let runs = 0;
  await listen(
    () => {
      runs += 1;
      if (runs === 1) throw new Error('not now');
      stop.abort();
    },
    { onProblem: (problem) => problems.push(problem) },
  );
  expect(problems).toMatchObject([{ kind: 'handler_failed', error: { message: 'not now' } }]);
  await vi.waitFor(() => expect(peer.acks).toEqual([1]));
});

test('what has been begun when it is told to end is acknowledged before the goodbye', async () => {
  const { peer, stop, listen } = await setUp();
  peer.onConnect = (socket) => {
    socket.send(frame(1));
    socket.send(frame(2));
  };
  let runs = 0;
  await listen(async () => {
    runs += 1;
    stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
  expect(runs).toBe(1);
  await vi.waitFor(() => expect(peer.acks).toEqual([1]));
});

test('any node will do', async () => {
  const { peer, listen, stop } = await setUp();
  await using client = createClient({ urls: [await deadUrl(), peer.url] });
  peer.onConnect = (socket) => socket.send(frame(1));
  await client.router('r').listen(() => stop.abort(), { signal: stop.signal });
  expect(peer.connects).toHaveLength(1);
  expect(listen).toBeDefined();
});

test('a refusal of the node ends it with what the node said', async () => {
  const server = createServer((_request, response) => {
    const stats = { router: 'r', distribution: 'one', subscriptions: 0 };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(stats));
  }).listen(0, '127.0.0.1');
  server.on('upgrade', (_request, socket) => {
    const body = JSON.stringify({ code: 'no_such_name', status: 404, detail: 'no role' });
    socket.end(
      `HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await using client = createClient({ urls: [`http://127.0.0.1:${port}`] });
  await expect(client.router('r').listen(() => {})).rejects.toMatchObject({
    code: 'not_found',
    status: 404,
    problem: { detail: 'no role' },
  });
  server.closeAllConnections();
  server.close();
});

test('nonsense from a node breaks the connection off, and another is made', async () => {
  const { peer, listen, stop } = await setUp();
  peer.onConnect = (socket) => {
    socket.send(peer.connects.length === 1 ? '{"type":"message"}' : frame(1));
  };
  await listen(() => stop.abort());
  expect(peer.connects).toHaveLength(2);
});

test('closing the client ends it', async () => {
  const { client, listen } = await setUp();
  const connected = Promise.withResolvers<void>();
  const done = listen(() => {}, { onConnected: () => connected.resolve() });
  await connected.promise;
  await client.close();
  await expect(done).rejects.toMatchObject({ code: 'closed' });
});
