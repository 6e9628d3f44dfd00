import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import { RouterError } from '@message-vault/bus';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import type { ProblemCode } from '../src/index.ts';
import { type HandRouter, startHandRouter } from './support/hand-router.ts';
import { isRefusal, openSocket } from './support/relay-listener.ts';
import { problem, until } from './support/requests.ts';
import { type NodeSetup, startNode } from './support/test-node.ts';

const MIB = 1024 * 1024;
const ID = '0b2f1f4e-7c55-4a38-9e0a-3d1f0f5c9a11';
const PROTOCOL = 'message-vault.v1';

interface Frame {
  readonly type: string;
  readonly offset: number;
  readonly valueText?: string;
}

/** A listener by WebSocket, as a program far away sees it. */
class Client {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame));
    this.closed = once(ws, 'close').then(([code, reason]: unknown[]) => ({
      code: Number(code),
      reason: String(reason),
    }));
  }

  acknowledge(offset: number): void {
    this.ws.send(JSON.stringify({ type: 'ack', offset }));
  }
}

async function connectClient(
  url: string,
  query = '',
  protocol: string | string[] = PROTOCOL,
): Promise<Client> {
  const ws = await openSocket(`${url}/jobs${query}`, protocol);
  if (isRefusal(ws)) throw new Error(`refused: ${JSON.stringify(ws.body)}`);
  return new Client(ws);
}

/** The leader and a node beside it. */
async function startCluster(setup: NodeSetup = {}) {
  const { leader, hand } = await startHandRouter(setup);
  return { leader, hand, follower: await startNode({ ...setup, leader }) };
}

/** The most that has waited on the node's connections to go out, bytes, since this was called. */
function peakBuffered({ app }: { app: { server: Server } }): () => number {
  let peak = 0;
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => sockets.add(socket));
  const watch = setInterval(() => {
    for (const socket of sockets) peak = Math.max(peak, socket.writableLength);
  }, 1);
  onTestFinished(() => clearInterval(watch));
  return () => peak;
}

async function connected(hand: HandRouter): Promise<void> {
  await until(() => hand.connected.length === 1);
}

describe('a listener by WebSocket', () => {
  it('is given messages, and told of its acknowledgements when they are durable', async () => {
    const { hand, url } = await startHandRouter();
    const client = await connectClient(url, `?listener=${ID.toUpperCase()}&filter=exists(key)&from=seq:7`);
    expect(hand.only.listener).toMatchObject({ id: ID, filter: 'exists(key)', from: { sequenceNumber: 7 } });
    expect(hand.only.offerAll('hello', 2)).toBe(2);
    await until(() => client.frames.length === 2);
    expect(client.frames).toEqual([
      expect.objectContaining({
        type: 'message',
        offset: 0,
        sequenceNumber: 0,
        valueText: 'hello',
        key: null,
      }),
      expect.objectContaining({ type: 'message', offset: 65_536, id: 'id-1', headers: {} }),
    ]);
    client.acknowledge(65_536);
    await until(() => client.frames.length === 3);
    expect(client.frames[2]).toEqual({ type: 'acked', offset: 65_536 });
    expect(hand.only.acknowledged).toEqual([65_536]);
  });

  it('needs no subprotocol, and no id', async () => {
    const { hand, url } = await startHandRouter();
    await connectClient(url, '', []);
    expect(hand.only.listener.id).toMatch(/^[\da-f-]{36}$/);
    expect(hand.only.listener.from).toBeUndefined();
  });

  it('is given no more than it may leave unacknowledged, and more when it has acknowledged', async () => {
    const { hand, url } = await startHandRouter({ listener: { maxUnacknowledged: 3 } });
    const client = await connectClient(url);
    expect(hand.only.offerAll('x')).toBe(3);
    expect(hand.only.rooms).toBe(0);
    await until(() => client.frames.length === 3);
    client.acknowledge(0);
    await until(() => hand.only.rooms === 1);
    expect(hand.only.offerAll('x')).toBe(1);
  });

  it('may ask for fewer messages ahead, not for more', async () => {
    const { hand, url } = await startHandRouter({ listener: { maxUnacknowledged: 3 } });
    await connectClient(url, '?window=2');
    expect(hand.only.offerAll('x')).toBe(2);
    const refused = await openSocket(`${url}/jobs?window=0`, PROTOCOL);
    expect(isRefusal(refused) && refused.body).toMatchObject({ code: 'bad_parameter' });
    const other = await startHandRouter({ listener: { maxUnacknowledged: 3 } });
    await connectClient(other.url, '?window=1000');
    expect(other.hand.only.offerAll('x')).toBe(3);
  });

  it('is given no more bytes than it may leave unacknowledged, but one message whatever its size', async () => {
    const { hand, url } = await startHandRouter({ listener: { maxUnacknowledgedBytes: 10_000 } });
    await connectClient(url);
    expect(hand.only.offerAll('x'.repeat(50_000))).toBe(1);
  });

  it('holds bounded bytes for one that stops reading, and is cut after a while', async () => {
    const webSocket = { heartbeatMs: 20, silentMs: 100, maxBufferedBytes: MIB };
    const setup = { webSocket, listener: { maxUnacknowledged: 1_000_000, maxUnacknowledgedBytes: 1e12 } };
    const { hand, url, leader } = await startHandRouter(setup);
    const client = await connectClient(url);
    client.ws.pause();
    const piece = 'x'.repeat(100_000);
    let given = 0;
    await until(() => {
      given += hand.only.offerAll(piece);
      return hand.only.detached;
    });
    // What the kernel's buffers take on both ends, and what this node may hold itself.
    expect(given * piece.length).toBeLessThan(24 * MIB);
    await until(() => leader.app.webSockets === 0);
  });

  it('is not answered without bound when it acknowledges and acknowledges, and reads nothing', async () => {
    const webSocket = { maxBufferedBytes: 64 * 1024 };
    const { url, leader } = await startHandRouter({ webSocket });
    const buffered = peakBuffered(leader);
    const client = await connectClient(url);
    client.ws.pause();
    const flood = setInterval(() => {
      for (let time = 0; time < 5000 && client.ws.bufferedAmount < MIB; time += 1) client.acknowledge(1);
    }, 1);
    onTestFinished(() => clearInterval(flood));
    let stuck = 0;
    await until(() => {
      stuck = client.ws.bufferedAmount >= MIB ? stuck + 1 : 0;
      return stuck > 20 || buffered() > 4 * MIB;
    });
    expect(buffered()).toBeGreaterThan(64 * 1024);
    expect(buffered()).toBeLessThan(MIB);
  });

  it('goes on when it reads on before that', async () => {
    const setup = { listener: { maxUnacknowledged: 1_000_000, maxUnacknowledgedBytes: 1e12 } };
    const { hand, url } = await startHandRouter(setup);
    const client = await connectClient(url);
    client.ws.pause();
    const given = hand.only.offerAll('x'.repeat(100_000));
    client.ws.resume();
    await until(() => hand.only.rooms > 0);
    expect(hand.only.offer('more')).toBe('taken');
    await until(() => client.frames.length === given + 1);
  });

  it('is let go of when its connection ends', async () => {
    const { hand, url } = await startHandRouter();
    const client = await connectClient(url);
    client.ws.terminate();
    await until(() => hand.only.detached);
    expect(hand.only.offer('x')).toBe('full');
  });

  it.each([
    ['replaced', 4409],
    ['router_gone', 4404],
    ['not_leader', 1012],
    ['too_slow', 4408],
  ] as const)('is told when it is %s, by the code %d', async (why, code) => {
    const { hand, url } = await startHandRouter();
    const client = await connectClient(url);
    hand.only.listener.ended(why);
    const closed = await client.closed;
    expect(closed.code).toBe(code);
    expect(closed.reason).toMatch(new RegExp(`^${why}`));
  });

  it.each<[what: string, text: string | Buffer]>([
    ['no JSON', 'ack'],
    ['an acknowledgement of nothing', '{"type":"ack"}'],
    ['an acknowledgement of a fraction', '{"type":"ack","offset":1.5}'],
    ['something else', '{"type":"message","offset":1}'],
    ['bytes', Buffer.from('{"type":"ack","offset":1}')],
  ])('is sent away with 1008 when it says %s', async (_what, text) => {
    const { hand, url } = await startHandRouter();
    const client = await connectClient(url);
    client.ws.send(text);
    expect(await client.closed).toMatchObject({ code: 1008 });
    await until(() => hand.only.detached);
  });

  it('is sent away with 1009 when it says too much', async () => {
    const { url } = await startHandRouter();
    const client = await connectClient(url);
    client.ws.send('x'.repeat(5000));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  it('is refused with what is wrong with its wishes', async () => {
    const { hand, url } = await startHandRouter();
    const cases: [string, ProblemCode][] = [
      ['?listener=me', 'bad_parameter'],
      ['?filter=((', 'bad_filter'],
      ['?from=yesterday', 'bad_parameter'],
    ];
    for (const [query, code] of cases) {
      const answer = await openSocket(`${url}/jobs${query}`, PROTOCOL);
      expect(isRefusal(answer) && answer.body).toMatchObject({ code });
    }
    hand.refusal = new RouterError('not_leader', 'this node does not lead');
    const answer = await openSocket(`${url}/jobs`, PROTOCOL);
    expect(isRefusal(answer) && answer.body).toMatchObject({ code: 'not_leader', status: 503 });
  });

  it('is refused a place to begin where each message goes to one of many', async () => {
    const { url } = await startHandRouter({}, 'one');
    const answer = await openSocket(`${url}/jobs?from=earliest`, PROTOCOL);
    expect(isRefusal(answer) && answer.body).toMatchObject({ code: 'bad_parameter' });
  });

  it('is one of a limited number, by whichever way they came', async () => {
    const { url, leader } = await startHandRouter({ listener: { maxListeners: 1 } });
    const first = await connectClient(url);
    const answer = await openSocket(`${url}/jobs`, PROTOCOL);
    expect(isRefusal(answer) && answer.body).toMatchObject({ code: 'busy' });
    await problem(await fetch(`${url}/jobs`, { headers: { accept: 'text/event-stream' } }), 503, 'busy');
    first.ws.close();
    await first.closed;
    await until(() => leader.app.webSockets === 0);
    await connectClient(url);
  });

  it('is closed with 1001 when the node stops', async () => {
    const { hand, url, leader } = await startHandRouter();
    const client = await connectClient(url);
    await Promise.all([leader.app.close(10_000), client.closed]);
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(hand.only.detached).toBe(true);
  });

  it('listens through a node that does not lead, which holds bounded bytes for it', async () => {
    const setup = { listener: { maxUnacknowledged: 1_000_000, maxUnacknowledgedBytes: 1e12 } };
    const { hand, follower } = await startCluster(setup);
    const client = await connectClient(follower.url, `?listener=${ID}`);
    expect(hand.only.listener.id).toBe(ID);
    client.ws.pause();
    const piece = 'x'.repeat(100_000);
    let given = 0;
    let quiet = 0;
    await until(() => {
      const more = hand.only.offerAll(piece);
      given += more;
      quiet = more === 0 ? quiet + 1 : 0;
      return quiet > 30;
    });
    expect(given * piece.length).toBeLessThan(48 * MIB);
    client.ws.resume();
    await until(() => client.frames.length === given);
    client.acknowledge(0);
    await until(() => hand.only.acknowledged.length === 1);
  });
});

describe('a listener by events', () => {
  function listen(port: number, query = '', headers = ''): Socket {
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.write(`GET /jobs${query} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n${headers}\r\n`);
    return socket;
  }

  async function eventsOf(socket: Socket, count: number): Promise<string[]> {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      text += piece;
    });
    const events = (): string[] => text.match(/id: .*\ndata: .*\n\n/g) ?? [];
    await until(() => events().length >= count);
    return events();
  }

  it('is given messages, which count as delivered when the connection has taken them', async () => {
    const { hand, leader } = await startHandRouter();
    const socket = listen(leader.port, `?listener=${ID}`);
    await connected(hand);
    await until(() => hand.only.offer('hello') === 'taken');
    const [event] = await eventsOf(socket, 1);
    expect(event).toMatch(/^id: seq:1\ndata: \{"offset":0,.*"valueText":"hello"\}\n\n$/);
    await until(() => hand.only.acknowledged.length === 1);
    expect(hand.only.listener.id).toBe(ID);
    socket.destroy();
    await until(() => hand.only.detached);
  });

  it('comes back to where it was by the id of its last event', async () => {
    const { hand, leader } = await startHandRouter();
    listen(leader.port, '?from=earliest', 'Last-Event-ID: seq:42\r\n');
    await connected(hand);
    expect(hand.only.listener.from).toEqual({ sequenceNumber: 42 });
  });

  it('has no place to come back to where each message goes to one of many', async () => {
    const { hand, leader } = await startHandRouter({}, 'one');
    listen(leader.port, '', 'Last-Event-ID: seq:42\r\n');
    await connected(hand);
    expect(hand.only.listener.from).toBeUndefined();
  });

  it('holds bounded bytes for one that stops reading, delivers none of those, and is cut after a while', async () => {
    const { hand, leader } = await startHandRouter({ listener: { stalledMs: 150 } });
    const socket = listen(leader.port);
    socket.pause();
    await connected(hand);
    const piece = 'x'.repeat(100_000);
    let given = 0;
    await until(() => {
      given += hand.only.offerAll(piece);
      return hand.only.detached;
    });
    expect(given * piece.length).toBeLessThan(16 * MIB);
    expect(hand.only.acknowledged.length).toBeLessThan(given);
  });

  it('hears something when there is nothing to say', async () => {
    const { hand, leader } = await startHandRouter({ sse: { heartbeatMs: 10 } });
    const socket = listen(leader.port);
    await connected(hand);
    let text = '';
    socket.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    await until(() => (text.match(/:\n\n/g)?.length ?? 0) > 2);
  });

  it('listens through a node that does not lead', async () => {
    const { hand, follower } = await startCluster();
    const socket = listen(follower.port);
    await connected(hand);
    await until(() => hand.only.offer('hello') === 'taken');
    expect(await eventsOf(socket, 1)).toHaveLength(1);
    socket.destroy();
    await until(() => hand.only.detached);
  });

  it('ends when the node stops, and when the router lets go', async () => {
    const { hand, leader } = await startHandRouter();
    const response = await fetch(`${leader.url}/jobs`, { headers: { accept: 'text/event-stream' } });
    hand.only.listener.ended('replaced');
    expect(await response.text()).toMatch(/: replaced\n\n$/);
    const again = await fetch(`${leader.url}/jobs`, { headers: { accept: 'text/event-stream' } });
    const [text] = await Promise.all([again.text(), leader.app.close(10_000)]);
    expect(text).toMatch(/^: listener /);
    expect(hand.connected[1]?.detached).toBe(true);
  });

  it('has to accept events', async () => {
    const { url } = await startHandRouter();
    const { allowed } = await problem(
      await fetch(`${url}/jobs`, { headers: { accept: 'application/json' } }),
      406,
      'not_acceptable',
    );
    expect(allowed).toEqual(['text/event-stream']);
  });
});
