import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { client, echoServer, link } from './servers.ts';

/** For what happens in its own time, on a machine that may be busy. */
const patience = { timeout: 15_000 };

describe('a link', () => {
  it('passes bytes both ways, and the end of each side to the other', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    const caller = await client(way.address);
    caller.socket.end('hello');
    expect(await caller.ended).toBe('end');
    expect(caller.heard()).toBe('hello');
    await vi.waitFor(() => {
      expect(way.stats).toEqual({ connectionsOpen: 0, connectionsTotal: 1, bytesUp: 5, bytesDown: 5 });
    }, patience);
  });

  it('passes megabytes unchanged while the reader is slow to take them', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    const caller = await client(way.address);
    const sent = Buffer.alloc(24 * 1024 * 1024, 'The quick brown fox. ');
    caller.socket.pause();
    caller.socket.end(sent);
    await vi.waitFor(() => expect(way.stats.bytesUp).toBeGreaterThan(1024 * 1024), patience);
    caller.socket.resume();
    expect(await caller.ended).toBe('end');
    expect(Buffer.from(caller.heard(), 'latin1').equals(sent)).toBe(true);
  });

  it('resets a client whose target is not there', async () => {
    const server = await echoServer();
    const way = await link({ target: { host: '127.0.0.1', port: 1 } });
    expect(server.received()).toBe('');
    expect(await (await client(way.address)).ended).toBe('ECONNRESET');
  });

  it('passes a reset on', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    const caller = await client(way.address);
    caller.socket.write('x');
    await vi.waitFor(() => expect(caller.heard()).toBe('x'), patience);
    for (const socket of server.sockets) socket.resetAndDestroy();
    expect(await caller.ended).toBe('ECONNRESET');
  });

  it('says which port is taken', async () => {
    const server = await echoServer();
    await expect(link({ target: server.address, listen: server.address })).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining(String(server.address.port)),
    });
  });
});

describe('a link that is cut', () => {
  it('resets what is connected and what comes, until it is healed', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    const caller = await client(way.address);
    await way.setMode({ mode: 'cut' });
    expect(await caller.ended).toBe('ECONNRESET');
    expect(await (await client(way.address)).ended).toBe('ECONNRESET');
    expect(way.stats.connectionsOpen).toBe(0);
    await way.setMode({ mode: 'pass' });
    const later = await client(way.address);
    later.socket.end('back');
    await later.ended;
    expect(later.heard()).toBe('back');
  });

  it('and refuses looks like a process that is gone, and comes back on the same port', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    const caller = await client(way.address);
    const { port } = way.address;
    await way.setMode({ mode: 'refuse' });
    expect(await caller.ended).toBe('ECONNRESET');
    expect(await (await client(way.address)).ended).toBe('ECONNREFUSED');
    await way.setMode({ mode: 'pass' });
    expect(way.address.port).toBe(port);
    const later = await client(way.address);
    later.socket.end('back');
    expect(await later.ended).toBe('end');
  });
});

describe('a link that is half open', () => {
  it('accepts and says nothing, and delivers what it held when it heals', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    const before = await client(way.address);
    before.socket.write('a');
    await vi.waitFor(() => expect(before.heard()).toBe('a'), patience);
    await way.setMode({ mode: 'half-open' });
    before.socket.write('b');
    const during = await client(way.address);
    during.socket.write('c');
    // A round trip beside the link shows that the server would have had the time to hear of it.
    const beside = await client(server.address);
    beside.socket.end('beside');
    await beside.ended;
    expect(server.received()).toBe('abeside');
    await way.setMode({ mode: 'pass' });
    await vi.waitFor(() => expect([before.heard(), during.heard()]).toEqual(['ab', 'c']), patience);
  });

  it('delivers what was sent by somebody who gave up in the meantime', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    await way.setMode({ mode: 'half-open' });
    const sender = await client(way.address);
    sender.socket.end('too late');
    sender.socket.destroySoon();
    await once(sender.socket, 'close');
    expect(server.received()).toBe('');
    await way.setMode({ mode: 'pass' });
    await vi.waitFor(() => expect(server.received()).toBe('too late'), patience);
    await vi.waitFor(() => expect(way.stats.connectionsOpen).toBe(0), patience);
  });

  it('resets instead, when told so', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    await way.setMode({ mode: 'half-open', onHeal: 'reset' });
    const sender = await client(way.address);
    sender.socket.write('lost');
    await way.setMode({ mode: 'pass' });
    expect(await sender.ended).toBe('ECONNRESET');
    expect(server.received()).toBe('');
  });

  it('can be cut while it holds something', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    await way.setMode({ mode: 'half-open' });
    const sender = await client(way.address);
    sender.socket.write('lost');
    await way.setMode({ mode: 'cut' });
    expect(await sender.ended).toBe('ECONNRESET');
    await way.setMode({ mode: 'pass' });
    expect(way.stats.connectionsOpen).toBe(0);
    expect(server.received()).toBe('');
  });
});

describe('a link that delays', () => {
  it('lets nothing through before its time, and keeps the order', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    await way.setMode({ mode: 'delay', delayMs: 40, jitterMs: 20 });
    const caller = await client(way.address);
    const sentAt = performance.now();
    for (let at = 0; at < 50; at++) caller.socket.write(`${at},`);
    caller.socket.end();
    expect(await caller.ended).toBe('end');
    // Each way takes at least the delay; how much longer is the machine's affair.
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(79);
    expect(caller.heard()).toBe(Array.from({ length: 50 }, (_, at) => `${at},`).join(''));
  });

  it('takes its jitter from the randomness it was given', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address, random: () => 1 });
    await way.setMode({ mode: 'delay', delayMs: 0, jitterMs: 50 });
    const caller = await client(way.address);
    const sentAt = performance.now();
    caller.socket.end('x');
    await caller.ended;
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(99);
  });
});

describe('a link that throttles', () => {
  it('gives all connections together no more than its rate', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    await way.setMode({ mode: 'throttle', bytesPerSecond: 200_000 });
    const callers = await Promise.all([client(way.address), client(way.address)]);
    const startedAt = performance.now();
    // All but the last piece has to wait for the one before it.
    for (const caller of callers) caller.socket.end(Buffer.alloc(20_000, 'x'));
    await Promise.all(callers.map((caller) => caller.ended));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(149);
    expect(callers.map((caller) => caller.heard().length)).toEqual([20_000, 20_000]);
  });

  it('lets the rest pass at once when it heals', async () => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    await way.setMode({ mode: 'throttle', bytesPerSecond: 1 });
    const caller = await client(way.address);
    caller.socket.end('a message that would take a minute');
    await vi.waitFor(() => expect(way.stats.bytesUp).toBeGreaterThan(0), patience);
    await way.setMode({ mode: 'pass' });
    expect(await caller.ended).toBe('end');
    expect(caller.heard()).toBe('a message that would take a minute');
  });
});

describe('a mode', () => {
  it.each([
    [{ mode: 'nonsense' }, 'bad_mode'],
    [{ mode: 'delay' }, 'bad_mode'],
    [{ mode: 'delay', delayMs: -1 }, 'bad_mode'],
    [{ mode: 'cut', also: true }, 'bad_mode'],
    [{ mode: 'errors', share: 0.5 }, 'not_http'],
  ])('%o is refused on a link of bytes as %s, and changes nothing', async (mode, code) => {
    const server = await echoServer();
    const way = await link({ target: server.address });
    await expect(way.setMode(JSON.parse(JSON.stringify(mode)))).rejects.toMatchObject({
      name: 'ChaosError',
      code,
    });
    expect(way.mode).toEqual({ mode: 'pass' });
  });
});
