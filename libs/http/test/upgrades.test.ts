import { encodeFrame, RELAY_SUBPROTOCOL } from '@message-vault/relay-protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { HttpProblem, type ProblemCode } from '../src/index.ts';
import {
  connectListener,
  isRefusal,
  makeConnectionPoint,
  openSocket,
  type Refusal,
} from './support/relay-listener.ts';
import { parseRaw, problem, publishValues, sendRaw, until } from './support/requests.ts';
import { type NodeSetup, type RunningNode, startNode } from './support/test-node.ts';

const HANDSHAKE =
  'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

async function start(setup: NodeSetup = {}): Promise<RunningNode> {
  const running = await startNode(setup);
  makeConnectionPoint(running, 'api');
  return running;
}

async function startCluster(setup: NodeSetup = {}) {
  const leader = await start(setup);
  return { leader, follower: await startNode({ ...setup, leader }) };
}

async function refused(
  url: string,
  path: string,
  code: ProblemCode,
  options: { protocol?: string[]; headers?: Record<string, string> } = {},
): Promise<Refusal> {
  const { protocol = [RELAY_SUBPROTOCOL], headers } = options;
  const answer = await openSocket(`${url}${path}`, protocol, headers);
  if (!isRefusal(answer)) throw new Error('it was not refused');
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.headers['vault-node']).toBeTruthy();
  expect(answer.body).toMatchObject({ code, status: answer.status });
  return answer;
}

describe('a WebSocket', () => {
  it('is refused where there is none, with a problem that says why', async () => {
    const { url } = await start();
    await publishValues(url, 'orders', [1]);
    await refused(url, '/orders', 'wrong_role');
    await refused(url, '/orders/-/listen', 'wrong_role');
    await refused(url, '/nothing', 'no_such_name');
    await refused(url, '/api', 'not_possible');
    await refused(url, '/api/-/relay/x', 'not_possible');
    await refused(url, '/-/cluster', 'no_such_resource');
    await refused(url, '/a//b', 'bad_name');
  });

  it('is refused when its handshake is not one', async () => {
    const { url, port } = await start();
    await refused(url, '/api/-/listen', 'bad_header', { protocol: [] });
    await refused(url, '/api/-/listen', 'bad_header', { protocol: ['chat'] });
    const cases: [string, ProblemCode][] = [
      [`GET /api/-/listen HTTP/1.1\r\n${HANDSHAKE.replace('13', '7')}\r\n`, 'bad_header'],
      [`GET /api/-/listen HTTP/1.1\r\n${HANDSHAKE.replace('dGhl', '')}\r\n`, 'bad_header'],
      [`POST /api/-/listen HTTP/1.1\r\n${HANDSHAKE}\r\n`, 'method_not_allowed'],
      [`GET /api/-/listen HTTP/1.1\r\n${HANDSHAKE.replace('Host: x\r\n', '')}\r\n`, 'bad_request'],
    ];
    for (const [text, code] of cases)
      expect(parseRaw(await sendRaw(port, text)).body).toMatchObject({ code });
  });

  it('is refused to pages of other origins: a browser would let them read what comes', async () => {
    const { url } = await start();
    await refused(url, '/api/-/listen', 'forbidden', { headers: { origin: 'https://evil.example' } });
    await refused(url, '/api/-/listen', 'forbidden', { headers: { origin: 'null' } });
    const own = await openSocket(`${url}/api/-/listen`, RELAY_SUBPROTOCOL, { origin: url });
    expect(isRefusal(own)).toBe(false);
  });

  it('is asked for permission', async () => {
    const authorize = ({ action, name }: { action: string; name: string | undefined }): void => {
      if (action === 'read') throw new HttpProblem('unauthorized', `who listens to ${name}?`);
    };
    const { url } = await start({ options: { authorize } });
    const { body } = await refused(url, '/api/-/listen', 'unauthorized');
    expect(body).toMatchObject({ detail: 'who listens to api?' });
  });

  it('is one of a limited number', async () => {
    const { url, app } = await start({ webSocket: { maxConnections: 2 }, relay: { maxListenersPerName: 5 } });
    const first = await connectListener(url);
    await connectListener(url);
    expect((await refused(url, '/api/-/listen', 'busy')).headers['retry-after']).toBe('5');
    first.ws.close();
    await until(() => app.webSockets === 1);
    await connectListener(url);
  });

  it('is refused when the name has as many listeners as it may', async () => {
    const { url } = await start({ relay: { maxListenersPerName: 1 } });
    await connectListener(url);
    await refused(url, '/api/-/listen', 'busy');
  });

  it('does not keep a client from its answer that would rather speak another protocol', async () => {
    const { port } = await start();
    const upgrade = 'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n';
    const text = await sendRaw(port, `GET /-/health/live HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it('is needed to listen: a plain request is told so', async () => {
    const { url } = await start();
    await problem(await fetch(`${url}/api/-/listen`), 400, 'bad_header');
  });

  it('is closed with 1001 when the node stops, after what is under way has been answered', async () => {
    const { url, app } = await start();
    const [busy, idle] = [await connectListener(url), await connectListener(url)];
    const asked = fetch(`${url}/api`);
    await until(() => busy.frames.length + idle.frames.length > 0);
    const [working, other] = busy.frames.length > 0 ? [busy, idle] : [idle, busy];
    const closed = app.close(10_000);
    expect(await other.closed).toMatchObject({ code: 1001 });
    working.answer(1, 'done');
    expect(await (await asked).text()).toBe('done');
    expect(await working.closed).toMatchObject({ code: 1001 });
    await closed;
  });

  it('is cut when the node stops and the other end does not go', async () => {
    const { url, app } = await start();
    const listener = await connectListener(url);
    const asked = fetch(`${url}/api`).then(
      ({ status }) => status,
      () => 'cut',
    );
    await listener.request();
    await app.close(20);
    expect(app.webSockets).toBe(0);
    // Who asked is told so if there is time before its own connection is cut, at the end of the same grace.
    expect([502, 'cut']).toContain(await asked);
  });

  it('is cut when its other end gives no sign for too long', async () => {
    const { url, node } = await start({ webSocket: { heartbeatMs: 20, silentMs: 60 } });
    const listener = await connectListener(url);
    expect(node.relay.listeners('api')).toBe(1);
    listener.ws.pause();
    await until(() => node.relay.listeners('api') === 0);
  });

  it('stays open as long as its other end answers pings', async () => {
    const { url, node } = await start({ webSocket: { heartbeatMs: 10, silentMs: 2000 } });
    const listener = await connectListener(url);
    let pings = 0;
    listener.ws.on('ping', () => {
      pings += 1;
    });
    await until(() => pings > 20);
    expect(node.relay.listeners('api')).toBe(1);
  });

  it.each<[what: string, code: number, message: string | Uint8Array]>([
    ['nonsense', 1002, Buffer.from('nonsense')],
    ['a frame above the limit', 1009, Buffer.alloc(66_000, 3)],
    ['text', 1003, 'hello'],
    ['an answer to nothing', 1002, encodeFrame({ type: 'end', stream: 9 })],
  ])('of a listener that sends %s is closed with %d', async (_what, code, message) => {
    const { url, node } = await start();
    const listener = await connectListener(url);
    listener.ws.send(message);
    expect(await listener.closed).toMatchObject({ code });
    await until(() => node.relay.listeners() === 0);
  });

  it('of a listener is closed when its name has another role', async () => {
    const { url, node } = await start();
    const listener = await connectListener(url);
    node.others.delete('api');
    expect(await listener.closed).toMatchObject({ code: 4404 });
  });
});

describe('a WebSocket through a node that does not lead', () => {
  it('reaches the leader', async () => {
    const { leader, follower } = await startCluster();
    const listener = (await connectListener(follower.url)).answersAll('far away');
    expect(leader.node.relay.listeners('api')).toBe(1);
    expect(await (await fetch(`${leader.url}/api`)).text()).toBe('far away');
    expect(await (await fetch(`${follower.url}/api`)).text()).toBe('far away');
    listener.ws.close();
    await until(() => leader.node.relay.listeners('api') === 0 && leader.app.webSockets === 0);
    expect(follower.app.webSockets).toBe(0);
  });

  it('gets the refusal of the leader', async () => {
    const { follower } = await startCluster({ relay: { maxListenersPerName: 1 } });
    await connectListener(follower.url);
    const { headers } = await refused(follower.url, '/api/-/listen', 'busy');
    expect(headers['vault-node']).toBe(follower.node.status.nodeId);
  });

  it('is refused when nobody leads, when the leader is gone, and when it would go in a circle', async () => {
    const { leader, follower } = await startCluster();
    const { status } = leader.node;
    status.takesWrites = false;
    status.leader = { nodeId: follower.node.status.nodeId, url: follower.url, epoch: 8, since: 0 };
    await refused(follower.url, '/api/-/listen', 'no_leader');
    await leader.app.close(0);
    await refused(follower.url, '/api/-/listen', 'leader_unreachable');
    follower.node.status.leader = undefined;
    await refused(follower.url, '/api/-/listen', 'no_leader');
  });

  it('is closed with 1012 when the leader dies', async () => {
    const { leader, follower } = await startCluster();
    const listener = await connectListener(follower.url);
    const [closed] = await Promise.all([listener.closed, leader.app.close(0)]);
    // The leader's own goodbye, when there was time for it; what this node says when there was none.
    expect([1001, 1012]).toContain(closed.code);
  });

  it('is closed with 1012 when another leads and the one before gives no sign', async () => {
    const { follower } = await startCluster();
    const listener = await connectListener(follower.url);
    // As a frozen process: connections stay, nothing is answered.
    answerNoPings();
    follower.node.status.leader = { nodeId: 'other', url: 'http://127.0.0.1:1', epoch: 9, since: 0 };
    expect(await listener.closed).toMatchObject({ code: 1012 });
  });

  it('goes on over a change of leader until what is under way is done', async () => {
    const { leader, follower } = await startCluster();
    const listener = await connectListener(follower.url);
    const asked = fetch(`${leader.url}/api`);
    await listener.request();
    leader.node.relay.close();
    follower.node.status.leader = { nodeId: 'other', url: 'http://127.0.0.1:1', epoch: 9, since: 0 };
    await until(() => listener.frames.some(({ type }) => type === 'going-away'));
    listener.answer(1, 'late but whole');
    expect(await (await asked).text()).toBe('late but whole');
    expect(await listener.closed).toMatchObject({ code: 1012 });
  });
});

/** Connections stay and no ping is answered any more, as with a process that does not run. */
function answerNoPings(): void {
  const { pong } = WebSocket.prototype;
  WebSocket.prototype.pong = () => undefined;
  onTestFinished(() => {
    WebSocket.prototype.pong = pong;
  });
}
