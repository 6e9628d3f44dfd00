import { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, it } from 'vitest';
import {
  createWebhookSender,
  type DeliveryResult,
  type ResolvedAddress,
  type WebhookSettings,
  type WebhookTarget,
} from '../../src/index.ts';
import { deliveryOf } from './deliveries.ts';
import { ScriptedTransport } from './scripted-transport.ts';

const open: ResolvedAddress[] = [{ address: '8.8.8.8', family: 4 }];

function lab(settings: Partial<WebhookSettings> = {}, names: Record<string, ResolvedAddress[]> = {}) {
  const runtime = new VirtualRuntime();
  const transport = new ScriptedTransport();
  const lookedUp: string[] = [];
  const sender = createWebhookSender({
    runtime,
    transport,
    settings,
    async resolve(hostname) {
      lookedUp.push(hostname);
      return names[hostname] ?? open;
    },
  });
  const push = (
    host: string,
    target: Partial<WebhookTarget> = {},
    signal = new AbortController().signal,
  ): Promise<DeliveryResult> =>
    sender.push({ url: `https://${host}/`, secrets: [], ...target }, deliveryOf(), {
      timeoutMs: 10_000,
      signal,
    });
  return { runtime, transport, sender, push, lookedUp, settle: () => runtime.advance(0) };
}

/** Has the target answer once: after that it may be pushed to concurrently. */
async function prove({ push, transport, settle }: ReturnType<typeof lab>, host: string): Promise<void> {
  const done = push(host);
  await settle();
  transport.to(`https://${host}`).at(-1)?.answer(200);
  expect(await done).toEqual({ outcome: 'delivered' });
}

describe('a target', () => {
  it('gets one push at a time until it has answered, then as many as are allowed', async () => {
    const all = lab({ concurrencyPerTarget: 3 });
    const pushes = Array.from({ length: 6 }, () => all.push('a.example'));
    await all.settle();
    expect(all.transport.sent).toHaveLength(1);
    all.transport.sent[0]?.answer(204);
    await all.settle();
    expect(all.transport.sent).toHaveLength(4);
    for (const sent of all.transport.sent.slice(1)) sent.answer(204);
    await all.settle();
    for (const sent of all.transport.sent.slice(4)) sent.answer(204);
    expect(await Promise.all(pushes)).toEqual(Array(6).fill({ outcome: 'delivered' }));
  });

  it('that stops answering is down to one push at a time again', async () => {
    const all = lab({ concurrencyPerTarget: 3 });
    await prove(all, 'a.example');
    const pushes = Array.from({ length: 5 }, () => all.push('a.example'));
    await all.settle();
    expect(all.transport.sent).toHaveLength(4);
    await all.runtime.advance(10_000);
    expect(await Promise.all(pushes.slice(0, 3))).toEqual(
      Array(3).fill({ outcome: 'retry', reason: 'no answer within 10000 ms' }),
    );
    await all.settle();
    expect(all.transport.sent).toHaveLength(5);
  });

  it('that hangs holds up no other, however many of them there are', async () => {
    const all = lab({ concurrencyPerTarget: 4, maxConcurrent: 8 });
    await prove(all, 'healthy.example');
    for (let index = 0; index < 50; index += 1) void all.push(`hangs-${index}.example`);
    const healthy = Array.from({ length: 4 }, () => all.push('healthy.example'));
    await all.settle();
    for (const sent of all.transport.to('https://healthy.example').slice(1)) sent.answer(200);
    expect(await Promise.all(healthy)).toEqual(Array(4).fill({ outcome: 'delivered' }));
    expect(all.transport.sent).toHaveLength(1 + 4 + 4);
  });

  it('takes turns with the others when there are more pushes than places', async () => {
    const all = lab({ concurrencyPerTarget: 2, maxConcurrent: 2 });
    await prove(all, 'a.example');
    await prove(all, 'b.example');
    for (let index = 0; index < 4; index += 1) void all.push('a.example');
    for (let index = 0; index < 4; index += 1) void all.push('b.example');
    for (let index = 2; index < 10; index += 1) {
      await all.settle();
      all.transport.sent[index]?.answer(200);
    }
    const order = all.transport.sent.slice(2).map(({ request }) => request.url.hostname.charAt(0));
    expect(order.join('')).toBe('aabababb');
  });

  it('is pushed to no faster than it allows, a second of it at once', async () => {
    const all = lab();
    await prove(all, 'a.example');
    const pushes = Array.from({ length: 5 }, () => all.push('a.example', { allowedRatePerMinute: 120 }));
    const sentAt: number[] = [];
    for (let tick = 0; tick < 40; tick += 1) {
      await all.runtime.advance(100);
      for (const sent of all.transport.sent.slice(1 + sentAt.length)) {
        sentAt.push(all.runtime.monotonic());
        sent.answer(200);
      }
    }
    expect(await Promise.all(pushes)).toEqual(Array(5).fill({ outcome: 'delivered' }));
    expect(sentAt).toEqual([100, 100, 500, 1000, 1500]);
  });

  it('that has asked for patience gets none of the other pushes either until then', async () => {
    const all = lab();
    await prove(all, 'a.example');
    const first = all.push('a.example');
    await all.settle();
    all.transport.sent[1]?.answer(429, { 'retry-after': '30' });
    expect(await first).toMatchObject({ outcome: 'retry', afterMs: 30_000 });
    expect(await all.push('a.example')).toEqual({
      outcome: 'later',
      reason: 'the target wants no more yet',
      afterMs: 30_000,
    });
    await all.runtime.advance(25_000);
    const patient = all.push('a.example');
    await all.runtime.advance(4999);
    expect(all.transport.sent).toHaveLength(2);
    await all.runtime.advance(1);
    all.transport.sent[2]?.answer(200);
    expect(await patient).toEqual({ outcome: 'delivered' });
  });
});

describe('a push', () => {
  it.each([
    ['169.254.169.254', 4],
    ['127.0.0.1', 4],
    ['::ffff:10.0.0.1', 6],
    ['not an address', 4],
    ['0x7f.1', 4],
  ] as const)('goes nowhere when one of the addresses of a name is %s', async (address, family) => {
    const all = lab({}, { 'a.example': [...open, { address, family }] });
    expect(await all.push('a.example')).toMatchObject({
      outcome: 'retry',
      reason: expect.stringContaining('a.example is not pushed to'),
    });
    expect(all.transport.sent).toHaveLength(0);
  });

  it('looks its name up every time, and only to addresses it got then', async () => {
    const names = { 'a.example': open };
    const all = lab({}, names);
    await prove(all, 'a.example');
    names['a.example'] = [{ address: '9.9.9.9', family: 4 }];
    await prove(all, 'a.example');
    expect(all.lookedUp).toEqual(['a.example', 'a.example']);
    expect(all.transport.sent.map(({ request }) => request.address.address)).toEqual(['8.8.8.8', '9.9.9.9']);
  });

  it('tries the next address when one is not reached, and none when something was sent', async () => {
    const two: ResolvedAddress[] = [
      { address: '2606:4700::1', family: 6 },
      { address: '8.8.8.8', family: 4 },
    ];
    const all = lab({}, { 'a.example': two });
    const pushed = all.push('a.example');
    await all.settle();
    expect(all.transport.sent[0]?.request.address.address).toBe('8.8.8.8');
    all.transport.sent[0]?.fail('unreachable');
    await all.settle();
    expect(all.transport.sent[1]?.request.address.address).toBe('2606:4700::1');
    all.transport.sent[1]?.answer(200);
    expect(await pushed).toEqual({ outcome: 'delivered' });
    const broken = all.push('a.example');
    await all.settle();
    all.transport.sent[2]?.fail('broken');
    expect(await broken).toEqual({ outcome: 'retry', reason: 'broken' });
    expect(all.transport.sent).toHaveLength(3);
  });

  it('ends in time when no name server answers', async () => {
    const runtime = new VirtualRuntime();
    const transport = new ScriptedTransport();
    const resolve = () => new Promise<never>(() => {});
    const sender = createWebhookSender({ runtime, transport, resolve });
    const target = { url: 'https://a.example/', secrets: [] };
    const { signal } = new AbortController();
    const pushed = sender.push(target, deliveryOf(), { timeoutMs: 10_000, signal });
    await runtime.advance(5000);
    expect(await pushed).toMatchObject({
      outcome: 'retry',
      reason: expect.stringContaining('no name server'),
    });
  });

  it('that is given up while it waits leaves its place to the next', async () => {
    const all = lab();
    const giveUp = new AbortController();
    const first = all.push('a.example');
    const second = all.push('a.example', {}, giveUp.signal);
    const third = all.push('a.example');
    await all.settle();
    giveUp.abort(new Error('no longer wanted'));
    expect(await second).toEqual({ outcome: 'retry', reason: 'no longer wanted' });
    all.transport.sent[0]?.answer(200);
    await all.settle();
    all.transport.sent[1]?.answer(200);
    expect(await Promise.all([first, third])).toEqual(Array(2).fill({ outcome: 'delivered' }));
    expect(all.transport.sent).toHaveLength(2);
  });

  it('that was given up before it began is not sent', async () => {
    const all = lab();
    const given = AbortSignal.abort(new Error('no longer wanted'));
    expect(await all.push('a.example', {}, given)).toEqual({ outcome: 'retry', reason: 'no longer wanted' });
    await prove(all, 'a.example');
    expect(all.transport.sent).toHaveLength(1);
  });

  it('is put off when too many wait already', async () => {
    const all = lab({ maxWaiting: 2 });
    for (let index = 0; index < 3; index += 1) void all.push('a.example');
    await all.settle();
    expect(await all.push('a.example')).toMatchObject({
      outcome: 'later',
      reason: 'too many pushes are waiting',
    });
  });

  it('to a URL that the rules no longer allow is put off, not lost', async () => {
    const all = lab();
    expect(await all.push('', { url: 'http://127.0.0.1/' })).toEqual({
      outcome: 'retry',
      reason: 'expected https',
    });
  });

  it('ends when the sender is closed', async () => {
    const all = lab();
    const pushed = all.push('a.example');
    await all.settle();
    await all.sender.close();
    expect(await pushed).toEqual({ outcome: 'retry', reason: 'the sender is closed' });
    expect(await all.push('a.example')).toEqual({ outcome: 'retry', reason: 'the sender is closed' });
    expect(all.transport.closed).toBe(true);
  });
});

describe('the handshake', () => {
  const shake = (all: ReturnType<typeof lab>) =>
    all.sender.handshake(
      { url: 'https://a.example/', secrets: [] },
      'vault.example.com',
      new AbortController().signal,
    );

  it.each([
    [{ 'webhook-allowed-origin': 'vault.example.com' }, undefined],
    [{ 'webhook-allowed-origin': 'Vault.Example.COM', 'webhook-allowed-rate': '*' }, undefined],
    [{ 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '100' }, 100],
  ])('is granted by %j', async (headers, allowedRatePerMinute) => {
    const all = lab();
    const granted = shake(all);
    await all.settle();
    const [sent] = all.transport.sent;
    expect(sent?.request.method).toBe('OPTIONS');
    expect(sent?.request.headers).toEqual({ 'webhook-request-origin': 'vault.example.com' });
    sent?.answer(200, headers);
    expect(await granted).toEqual({ origin: 'vault.example.com', allowedRatePerMinute });
  });

  it.each([
    [200, {}, 'handshake_refused'],
    [405, {}, 'handshake_refused'],
    [200, { 'webhook-allowed-origin': 'other.example.com' }, 'handshake_refused'],
    [200, { 'webhook-allowed-origin': '' }, 'handshake_refused'],
    [200, { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '0' }, 'handshake_refused'],
    [302, { 'webhook-allowed-origin': '*', location: 'http://127.0.0.1/' }, 'handshake_refused'],
    [500, { 'webhook-allowed-origin': '*' }, 'handshake_failed'],
  ])('answered with %i %j is none', async (status, headers, code) => {
    const all = lab();
    const granted = shake(all);
    granted.catch(() => {});
    await all.settle();
    all.transport.sent[0]?.answer(status, headers);
    await expect(granted).rejects.toMatchObject({ name: 'WebhookError', code });
  });

  it('that is not answered has failed, and not for ever', async () => {
    const all = lab();
    const granted = shake(all);
    granted.catch(() => {});
    await all.runtime.advance(10_000);
    await expect(granted).rejects.toMatchObject({
      code: 'handshake_failed',
      message: 'the handshake has failed: no answer within 10000 ms',
    });
  });

  it('is not even tried with a secret that could not sign', async () => {
    const all = lab();
    const target = { url: 'https://a.example/', secrets: ['abc'] };
    const granted = all.sender.handshake(target, 'vault.example.com', new AbortController().signal);
    await expect(granted).rejects.toMatchObject({ code: 'bad_secret' });
    expect(all.transport.sent).toHaveLength(0);
  });

  it('is not even tried with an address that is not pushed to', async () => {
    const all = lab({}, { 'a.example': [{ address: '10.0.0.1', family: 4 }] });
    await expect(shake(all)).rejects.toMatchObject({ code: 'forbidden_target' });
    expect(all.transport.sent).toHaveLength(0);
  });
});
