import { request } from 'node:http';
import { connect } from 'node:net';
import { WINDOW_BYTES } from '@message-vault/relay-protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectListener, type FrameListener, makeConnectionPoint } from './support/relay-listener.ts';
import { parseRaw, problem, sendRaw, until } from './support/requests.ts';
import { type NodeSetup, type RunningNode, startNode } from './support/test-node.ts';

const MIB = 1024 * 1024;

async function startRelay(setup: NodeSetup = {}): Promise<RunningNode> {
  const running = await startNode(setup);
  makeConnectionPoint(running, 'api');
  return running;
}

/** A leader and a node that is not, with the connection point `api`. */
async function startCluster(setup: NodeSetup = {}) {
  const leader = await startRelay(setup);
  return { leader, follower: await startNode({ ...setup, leader }) };
}

/** A request whose body goes on until it is stopped, or is not taken any more. */
function endlessUpload(url: string) {
  const upload = request(url, { method: 'POST', agent: false });
  onTestFinished(() => void upload.destroy());
  upload.on('error', () => undefined);
  const state = { sentBytes: 0, upload };
  const piece = Buffer.alloc(64 * 1024);
  const write = (): void => {
    state.sentBytes += piece.length;
    if (upload.write(piece)) setImmediate(write);
    else upload.once('drain', write);
  };
  write();
  return state;
}

/** Resolves when `value` has stopped growing. */
async function settled(value: () => number): Promise<number> {
  let last = -1;
  let quiet = 0;
  await until(() => {
    quiet = value() === last ? quiet + 1 : 0;
    last = value();
    return quiet > 30 && last > 0;
  });
  return last;
}

describe('a connection point', () => {
  it('gives a request to its listener, with what belongs to one connection left out, and the answer back', async () => {
    const { url, port } = await startRelay();
    const listener = await connectListener(url);
    const head = `PUT /api/-/relay/a%20b/c?d=e HTTP/1.1\r\nHost: vault.example\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n`;
    const sent = sendRaw(
      port,
      `${head}Te: trailers\r\nX-Two: 1\r\nX-Two: 2\r\nX-Request-Id: r-7\r\nX-Forwarded-For: 10.0.0.1\r\nContent-Length: 5\r\n\r\nhello`,
    );
    expect(await listener.request()).toEqual({
      method: 'PUT',
      path: '/a%20b/c?d=e',
      headers: [
        ['X-Two', '1'],
        ['X-Two', '2'],
        ['Content-Length', '5'],
        ['x-forwarded-for', '10.0.0.1, 127.0.0.1'],
        ['x-forwarded-host', 'vault.example'],
        ['x-forwarded-proto', 'http'],
        ['x-forwarded-prefix', '/api/-/relay'],
        ['x-request-id', 'r-7'],
      ],
      body: true,
    });
    await until(() => listener.frames.some(({ type }) => type === 'end'));
    listener.answer(1, '{"ok":true}', [
      ['Content-Type', 'application/json'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['Connection', 'X-Inner'],
      ['X-Inner', 'secret'],
      ['Vault-Node', 'not me'],
      ['Transfer-Encoding', 'identity'],
    ]);
    const text = await sent;
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
    expect(text).toMatch(/Vault-Node: leader-1/);
    expect(text).toMatch(/vault-relayed: true/);
    expect(text).not.toMatch(/secret|not me|identity/);
    expect(text).toMatch(/\{"ok":true\}/);
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'relays %s to the name itself',
    async (method) => {
      const { url } = await startRelay();
      const listener = (await connectListener(url)).answersAll('hello');
      const response = await fetch(`${url}/api?x=1`, { method, ...(method === 'POST' ? { body: 'b' } : {}) });
      expect([response.status, await response.text()]).toEqual([200, 'hello']);
      expect(await listener.request()).toMatchObject({ method, path: '/?x=1' });
    },
  );

  it('gives the head of an answer to HEAD', async () => {
    const { url } = await startRelay();
    const listener = await connectListener(url);
    listener.onRequest = (stream) =>
      listener.say({
        type: 'answer',
        stream,
        head: { status: 204, headers: [['X-Length', '7']], body: false },
      });
    const response = await fetch(`${url}/api`, { method: 'HEAD' });
    expect([response.status, response.headers.get('x-length')]).toEqual([204, '7']);
  });

  it('leaves out the length that a listener gives to an answer with 204, and keeps that of others', async () => {
    const { url } = await startRelay();
    const listener = await connectListener(url);
    for (const [status, length] of [
      [204, null],
      [304, '7'],
    ] as const) {
      listener.onRequest = (stream) =>
        listener.say({
          type: 'answer',
          stream,
          head: { status, headers: [['Content-Length', '7']], body: false },
        });
      const response = await fetch(`${url}/api`);
      expect([response.status, response.headers.get('content-length')]).toEqual([status, length]);
    }
  });

  it('says that nobody serves it', async () => {
    const { url } = await startRelay();
    const response = await fetch(`${url}/api`);
    expect(response.headers.get('retry-after')).toBe('1');
    await problem(response, 503, 'no_listener');
  });

  it('balances its requests over two listeners, and goes on with one when the other has gone', async () => {
    const { url, node } = await startRelay();
    const [one, two] = [await connectListener(url), await connectListener(url)];
    one.answersAll('one');
    two.answersAll('two');
    const answers: string[] = [];
    for (let count = 0; count < 10; count += 1) answers.push(await (await fetch(`${url}/api`)).text());
    expect(answers.filter((answer) => answer === 'one')).toHaveLength(5);
    one.ws.terminate();
    await until(() => node.relay.listeners('api') === 1);
    for (let count = 0; count < 4; count += 1) expect(await (await fetch(`${url}/api`)).text()).toBe('two');
  });

  it('says that its listener broke off in the middle of a request, and gives it to nobody else', async () => {
    const { url } = await startRelay();
    const [one, two] = [await connectListener(url), await connectListener(url)];
    const asked = fetch(`${url}/api`, { method: 'POST', body: 'pay' });
    await until(() => one.frames.length + two.frames.length > 0);
    const [mine, other] = one.frames.length > 0 ? [one, two] : [two, one];
    mine.ws.terminate();
    const { detail } = await problem(await asked, 502, 'relay_failed');
    expect(detail).toMatch(/may have acted/);
    expect(other.frames).toEqual([]);
  });

  it('cuts an answer that its listener does not finish, instead of ending it', async () => {
    const { url } = await startRelay();
    const listener = await connectListener(url);
    const asked = fetch(`${url}/api`);
    await listener.request();
    listener.say({ type: 'answer', stream: 1, head: { status: 200, headers: [], body: true } });
    listener.say({ type: 'data', stream: 1, bytes: Buffer.from('half') });
    const response = await asked;
    listener.ws.terminate();
    await expect(response.text()).rejects.toThrow();
  });

  it('says that its listener did not answer in time', async () => {
    const { url } = await startRelay({ relay: { answerTimeoutMs: 30 } });
    const listener = await connectListener(url);
    await problem(await fetch(`${url}/api`), 504, 'relay_timeout');
    expect(await listener.cancelled()).toBe('timed-out');
  });

  it('cancels at the listener what its client does not wait for any more', async () => {
    const { url, node } = await startRelay();
    const listener = await connectListener(url);
    const controller = new AbortController();
    const asked = fetch(`${url}/api`, { signal: controller.signal });
    await listener.request();
    controller.abort();
    await expect(asked).rejects.toThrow();
    expect(await listener.cancelled()).toBe('client-gone');
    await until(() => node.relay.requests === 0);
  });

  it('streams events as they come, the head first', async () => {
    const { url } = await startRelay();
    const listener = await connectListener(url);
    const asked = fetch(`${url}/api`, { headers: { accept: 'text/event-stream' } });
    await listener.request();
    const headers: [string, string][] = [['content-type', 'text/event-stream']];
    listener.say({ type: 'answer', stream: 1, head: { status: 200, headers, body: true } });
    const response = await asked;
    const reader = response.body?.getReader();
    for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
      listener.say({ type: 'data', stream: 1, bytes: Buffer.from(text) });
      const piece = await reader?.read();
      expect(Buffer.from(piece?.value ?? []).toString()).toBe(text);
    }
    await reader?.cancel();
    expect(await listener.cancelled()).toBe('client-gone');
  });

  it('does not let an answer be longer than it says: the rest would be taken for the next', async () => {
    const { url, port } = await startRelay();
    const listener = await connectListener(url);
    listener.onRequest = (stream) =>
      listener.answer(stream, 'HTTP/1.1 200 OK\r\n\r\nsmuggled', [['Content-Length', '2']]);
    const text = await sendRaw(port, 'GET /api HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(text).not.toMatch(/smuggled/);
  });

  it.each(['x', '-1', '1, 2'])('refuses to pass on an answer with the length %s', async (length) => {
    const { url } = await startRelay();
    const listener = await connectListener(url);
    listener.onRequest = (stream) => listener.answer(stream, 'x', [['Content-Length', length]]);
    await problem(await fetch(`${url}/api`), 502, 'relay_failed');
  });

  it.each(['a/../b', '..', 'a/%2e%2E/b', '.%2e', 'a%2f..%2Fb', 'a%5C..', 'a%00', 'a%', '%g0'])(
    'refuses the path %s, which climbs or is no path',
    async (path) => {
      const { url, port } = await startRelay();
      await connectListener(url);
      const refused = `GET /api/-/relay/${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      expect(parseRaw(await sendRaw(port, refused))).toMatchObject({
        status: 400,
        body: { code: 'bad_request' },
      });
    },
  );

  it('refuses methods that are about connections', async () => {
    const { url, port } = await startRelay();
    await connectListener(url);
    for (const method of ['TRACE', 'CONNECT']) {
      const { status, head, body } = parseRaw(
        await sendRaw(port, `${method} /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      );
      expect({ status, code: body.code, head }).toEqual({
        status: 405,
        code: 'method_not_allowed',
        head: expect.stringMatching(/^Allow: .*GET, /m),
      });
    }
  });

  it('keeps credentials for the vault from the listener', async () => {
    const { url } = await startRelay({ options: { authorize: () => undefined } });
    const listener = (await connectListener(url)).answersAll('x');
    await (await fetch(`${url}/api`, { headers: { authorization: 'Bearer secret' } })).text();
    expect(JSON.stringify(await listener.request())).not.toMatch(/secret/);
  });
});

describe.each(['the leader', 'another node'])('a relay asked through %s', (through) => {
  async function start(setup: NodeSetup = {}): Promise<{ entry: RunningNode; listener: FrameListener }> {
    const { leader, follower } = await startCluster(setup);
    const entry = through === 'the leader' ? leader : follower;
    return { entry, listener: await connectListener(entry.url) };
  }

  it.each([
    ['projects/group%2Fname/tags', 'projects/group%2Fname/tags'],
    ['@scope%2fname;v=1,2:3', '@scope%2fname;v=1,2:3'],
    ['%6Fne//%ff%5C-/-/relay/-', '%6Fne//%ff%5C-/-/relay/-'],
    ['a\\b#c"d', 'a%5Cb%23c%22d'],
  ])('gives the listener the path %s as it came', async (path, arrives) => {
    const { entry, listener } = await start();
    listener.answersAll('x');
    const head = `GET /api/-/relay/${path}?q=%2F HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(await sendRaw(entry.port, head)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(await listener.request()).toMatchObject({ path: `/${arrives}?q=%2F` });
  });

  it('streams a large body both ways, byte for byte', async () => {
    const { entry, listener } = await start();
    const sent = Buffer.alloc(
      12 * MIB,
      Uint8Array.from({ length: 251 }, (_, index) => index),
    );
    listener.onRequest = (stream) =>
      listener.say({ type: 'answer', stream, head: { status: 200, headers: [], body: true } });
    const answer: Buffer[] = [];
    let credit = WINDOW_BYTES;
    listener.ws.on('message', () => {
      const frame = listener.frames.at(-1);
      if (frame?.type === 'credit') credit += frame.bytes;
      if (frame?.type === 'data') {
        answer.push(Buffer.from(frame.bytes));
        const cost = Math.max(256, frame.bytes.length);
        listener.say({ type: 'credit', stream: 1, bytes: cost });
      }
      while (answer.length > 0 && credit >= (answer[0]?.length ?? 0)) {
        const bytes = answer.shift() ?? Buffer.alloc(0);
        credit -= Math.max(256, bytes.length);
        listener.say({ type: 'data', stream: 1, bytes });
      }
      if (listener.frames.some(({ type }) => type === 'end') && answer.length === 0 && frame !== undefined)
        if (!listener.ws.isPaused && listener.receivedBytes === sent.length) {
          listener.say({ type: 'end', stream: 1 });
          listener.ws.removeAllListeners('message');
        }
    });
    const response = await fetch(`${entry.url}/api/-/relay/echo`, { method: 'POST', body: sent });
    const received = Buffer.from(await response.arrayBuffer());
    expect(received.length).toBe(sent.length);
    expect(received.equals(sent)).toBe(true);
  });

  it('takes no more of an upload than its listener has taken, and a window', async () => {
    const { entry, listener } = await start();
    const state = endlessUpload(`${entry.url}/api`);
    const stuckAt = await settled(() => state.sentBytes);
    const taken = listener.receivedBytes;
    expect(taken).toBeLessThanOrEqual(WINDOW_BYTES);
    // What the sockets on the way take on top of the window.
    expect(stuckAt).toBeLessThan(16 * MIB);
    listener.say({ type: 'credit', stream: 1, bytes: taken });
    await until(() => listener.receivedBytes > taken);
    expect(listener.receivedBytes).toBeLessThanOrEqual(taken + WINDOW_BYTES);
  });

  it('gives credit for no more of an answer than its client has taken, and a window', async () => {
    const { entry, listener } = await start();
    const client = connect(entry.port, '127.0.0.1');
    onTestFinished(() => void client.destroy());
    client.on('error', () => undefined);
    client.pause();
    client.write('GET /api HTTP/1.1\r\nHost: x\r\n\r\n');
    await listener.request();
    listener.say({ type: 'answer', stream: 1, head: { status: 200, headers: [], body: true } });
    let credit = WINDOW_BYTES;
    let sentBytes = 0;
    const piece = Buffer.alloc(32 * 1024);
    const pump = (): void => {
      for (; credit >= piece.length; credit -= piece.length) {
        sentBytes += piece.length;
        listener.say({ type: 'data', stream: 1, bytes: piece });
      }
    };
    listener.ws.on('message', () => {
      const frame = listener.frames.at(-1);
      if (frame?.type === 'credit') credit += frame.bytes;
      pump();
    });
    pump();
    const stuckAt = await settled(() => sentBytes);
    expect(stuckAt).toBeLessThan(16 * MIB);
    client.resume();
    await until(() => sentBytes > stuckAt + 4 * MIB);
  });

  it('refuses a body that is larger than may be, whether it says so or not', async () => {
    const { entry, listener } = await start({ relay: { maxBodyBytes: 100_000 } });
    const said = await fetch(`${entry.url}/api`, { method: 'POST', body: 'x'.repeat(100_001) });
    await problem(said, 413, 'too_large');
    const head = 'POST /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    const body = 'x'.repeat(100_001);
    const unsaid = await sendRaw(entry.port, `${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    expect(parseRaw(unsaid)).toMatchObject({ status: 413, body: { code: 'too_large' } });
    await until(() => listener.frames.every(({ type }) => type !== 'end'));
  });

  it('says who asked, and how', async () => {
    const { entry, listener } = await start();
    listener.answersAll('x');
    await (await fetch(`${entry.url}/api`)).text();
    const headers = Object.fromEntries((await listener.request()).headers);
    expect(headers).toMatchObject({
      'x-forwarded-host': new URL(entry.url).host,
      'x-forwarded-for': through === 'the leader' ? '127.0.0.1' : '127.0.0.1, 127.0.0.1',
      'x-forwarded-proto': 'http',
    });
    expect(headers).not.toHaveProperty('vault-forwarded');
  });
});
