import { createHmac } from 'node:crypto';
import { createServer } from 'node:net';
import {
  createWebhookSender,
  type Delivery,
  newWebhookSecret,
  type ResolvedAddress,
  type WebhookSender,
  type WebhookSettings,
  type WebhookTarget,
} from '@message-vault/bus';
import { systemRuntime } from '@message-vault/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { undiciWebhookTransport } from '../../src/webhooks/transport.ts';
import { testCertificate } from './certificate.ts';
import { type Receiver, rawReceiver, receiver } from './receivers.ts';

const here: ResolvedAddress[] = [{ address: '127.0.0.1', family: 4 }];
const settings: Partial<WebhookSettings> = { allowPlainLoopback: true };

/** A sender for a test: trusts the test's certificate, and takes every name for this machine. */
function senderOf(
  given: Partial<WebhookSettings> = {},
  resolve: (name: string) => Promise<ResolvedAddress[]> = async () => here,
  ca: string | undefined = testCertificate.cert,
): WebhookSender {
  const sender = createWebhookSender({
    runtime: systemRuntime,
    transport: undiciWebhookTransport({ ca }),
    resolve,
    settings: { ...settings, ...given },
  });
  onTestFinished(() => sender.close());
  return sender;
}

function deliveryOf(parts: Partial<Delivery['message']> = {}): Delivery {
  const message: Delivery['message'] = {
    offset: 0,
    sequenceNumber: 0,
    timestamp: Date.UTC(2026, 10, 20),
    id: '0193479d-1c00-7000-8000-000000000001',
    value: Buffer.from('{"job": 1}'),
    kind: 'json',
    headers: [['content-type', 'application/vnd.job+json']],
    ...parts,
  };
  return { router: 'myapp/work', subscriptionId: 's-1', attempt: 1, message };
}

const targetOf = ({ port }: Receiver, parts: Partial<WebhookTarget> = {}): WebhookTarget => ({
  url: `http://127.0.0.1:${port}/hook?q=1`,
  secrets: [],
  ...parts,
});

function push(sender: WebhookSender, target: WebhookTarget, delivery = deliveryOf(), timeoutMs = 10_000) {
  return sender.push(target, delivery, { timeoutMs, signal: new AbortController().signal });
}

describe('a push', () => {
  it('brings the body as it was published, with its content type, as a signed event', async () => {
    const hook = await receiver((response) => response.writeHead(204).end());
    const [newer, older] = [newWebhookSecret(systemRuntime), newWebhookSecret(systemRuntime)];
    const target = targetOf(hook, { secrets: [newer, older], origin: 'vault.example.com' });
    expect(await push(senderOf(), target)).toEqual({ outcome: 'delivered' });
    const [request] = hook.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/hook?q=1' });
    expect(request?.body.toString()).toBe('{"job": 1}');
    expect(request?.headers).toMatchObject({
      host: `127.0.0.1:${hook.port}`,
      'content-type': 'application/vnd.job+json',
      'content-length': '10',
      'ce-id': '0193479d-1c00-7000-8000-000000000001',
      'webhook-request-origin': 'vault.example.com',
    });
    const signed = `${request?.headers['webhook-id']}.${request?.headers['webhook-timestamp']}.{"job": 1}`;
    const expected = [newer, older].map((secret) => {
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
      return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
    });
    expect(request?.headers['webhook-signature']).toBe(expected.join(' '));
  });

  it('goes out with no body where the message has none', async () => {
    const hook = await receiver((response) => response.end());
    const empty = deliveryOf({ value: new Uint8Array(), kind: 'bytes', headers: [] });
    expect(await push(senderOf(), targetOf(hook), empty)).toEqual({ outcome: 'delivered' });
    expect(hook.requests[0]?.headers).toMatchObject({
      'content-length': '0',
      'content-type': 'application/octet-stream',
    });
  });

  it('uses a connection again for the next one', async () => {
    const hook = await receiver((response) => response.end('thank you'));
    const sender = senderOf();
    for (let index = 0; index < 20; index += 1)
      expect(await push(sender, targetOf(hook))).toEqual({ outcome: 'delivered' });
    expect(hook.requests).toHaveLength(20);
    expect(hook.connections()).toBe(1);
  });

  it('opens no more connections to a target than are allowed', async () => {
    let active = 0;
    let most = 0;
    const hook = await receiver((response) => {
      active += 1;
      most = Math.max(most, active);
      setImmediate(() => {
        active -= 1;
        response.end();
      });
    });
    const sender = senderOf({ concurrencyPerTarget: 4 });
    const pushes = Array.from({ length: 60 }, () => push(sender, targetOf(hook)));
    expect(await Promise.all(pushes)).toEqual(Array(60).fill({ outcome: 'delivered' }));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
    expect(hook.connections()).toBeLessThanOrEqual(4);
  });

  it('to a target that hangs does not hold up those to another', async () => {
    const hanging = await receiver(() => {});
    const hook = await receiver((response) => response.end());
    const sender = senderOf({ maxConcurrent: 4 });
    expect(await push(sender, targetOf(hook))).toEqual({ outcome: 'delivered' });
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const hung = Array.from({ length: 30 }, (_, index) =>
      sender.push({ url: `http://127.0.0.1:${hanging.port}/${index}`, secrets: [] }, deliveryOf(), {
        timeoutMs: 60_000,
        signal,
      }),
    );
    const pushes = Array.from({ length: 50 }, () => push(sender, targetOf(hook)));
    expect(await Promise.all(pushes)).toEqual(Array(50).fill({ outcome: 'delivered' }));
    giveUp.abort(new Error('enough'));
    expect(await Promise.all(hung)).toEqual(Array(30).fill({ outcome: 'retry', reason: 'enough' }));
  });
});

describe('a receiver', () => {
  it('that redirects is not followed, and what it points to hears nothing', async () => {
    const victim = await receiver((response) => response.end());
    for (const status of [301, 302, 303, 307, 308]) {
      const location = `http://127.0.0.1:${victim.port}/admin`;
      const hook = await receiver((response) => response.writeHead(status, { location }).end());
      expect(await push(senderOf(), targetOf(hook))).toEqual({
        outcome: 'retry',
        reason: `answered ${status}: a redirect, and redirects are not followed`,
        afterMs: undefined,
      });
    }
    expect(victim.connections()).toBe(0);
  });

  it('that answers 200 with a body without end has taken the message; the body is cut', async () => {
    let cut: Promise<unknown> | undefined;
    const hook = await receiver((response) => {
      cut = new Promise((resolve) => response.on('close', resolve));
      response.on('error', () => {});
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(4096))) {}
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect(await push(senderOf({ answerBodyTimeoutMs: 60_000 }), targetOf(hook))).toEqual({
      outcome: 'delivered',
    });
    await cut;
  });

  it('that answers 200 and then trickles is cut after a while, and has taken the message', async () => {
    let cut: Promise<unknown> | undefined;
    const hook = await receiver((response) => {
      cut = new Promise((resolve) => response.on('close', resolve));
      response.write('a');
    });
    expect(await push(senderOf({ answerBodyTimeoutMs: 50 }), targetOf(hook))).toEqual({
      outcome: 'delivered',
    });
    await cut;
  });

  it('that breaks off in the body of its answer has answered', async () => {
    const hook = await receiver((response) => {
      response.writeHead(422, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    expect(await push(senderOf(), targetOf(hook))).toMatchObject({ outcome: 'refused' });
  });

  it('that never answers is given up in time', async () => {
    const hook = await receiver(() => {});
    expect(await push(senderOf(), targetOf(hook), deliveryOf(), 100)).toEqual({
      outcome: 'retry',
      reason: 'no answer within 100 ms',
    });
  });

  it('whose headers do not end is given up in time', async () => {
    const server = createServer((socket) => {
      socket.on('data', () => {});
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
    });
    const hook = await rawReceiver(server);
    expect(await push(senderOf(), targetOf(hook), deliveryOf(), 100)).toEqual({
      outcome: 'retry',
      reason: 'no answer within 100 ms',
    });
  });

  it('whose headers are without end is cut', async () => {
    const server = createServer((socket) => {
      socket.on('data', () => {});
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write(`x-more: ${'a'.repeat(4096)}\r\n`)) {}
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    });
    const hook = await rawReceiver(server);
    expect(await push(senderOf(), targetOf(hook))).toMatchObject({ outcome: 'retry' });
  });

  it('that closes at once is tried again', async () => {
    const hook = await rawReceiver(createServer((socket) => socket.destroy()));
    expect(await push(senderOf(), targetOf(hook))).toMatchObject({ outcome: 'retry' });
  });

  it('that speaks something else is tried again', async () => {
    const hook = await rawReceiver(createServer((socket) => socket.end('220 smtp.example.com ESMTP\r\n')));
    expect(await push(senderOf(), targetOf(hook))).toMatchObject({ outcome: 'retry' });
  });

  it('that is not there is tried again', async () => {
    const gone = await new Promise<number>((resolve) => {
      const server = createServer();
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });
    const target = { url: `http://127.0.0.1:${gone}/`, secrets: [] };
    expect(await push(senderOf(), target)).toMatchObject({
      outcome: 'retry',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it.each([
    ['in seconds', () => '2', 2000, 2000],
    ['as a date', () => new Date(Date.now() + 30_000).toUTCString(), 20_000, 30_000],
  ])('that asks for patience %s is heard', async (_how, retryAfter, atLeast, atMost) => {
    const hook = await receiver((response) => response.writeHead(429, { 'retry-after': retryAfter() }).end());
    const result = await push(senderOf(), targetOf(hook));
    expect(result).toMatchObject({ outcome: 'retry' });
    const afterMs = result.outcome === 'retry' ? (result.afterMs ?? 0) : 0;
    expect(afterMs).toBeGreaterThanOrEqual(atLeast);
    expect(afterMs).toBeLessThanOrEqual(atMost);
  });

  it('that is gone says so', async () => {
    const hook = await receiver((response) => response.writeHead(410).end());
    expect(await push(senderOf(), targetOf(hook))).toEqual({ outcome: 'gone', reason: 'answered 410: gone' });
  });
});

describe('over TLS', () => {
  const secure = (port: number, host = 'hook.example') => ({
    url: `https://${host}:${port}/hook`,
    secrets: [],
  });

  it('a name is pushed to at the address it was looked up at, and its certificate checked against the name', async () => {
    const hook = await receiver((response) => response.end(), { tls: true });
    const sender = senderOf();
    expect(await push(sender, secure(hook.port))).toEqual({ outcome: 'delivered' });
    expect(await push(sender, secure(hook.port))).toEqual({ outcome: 'delivered' });
    expect(hook.requests[0]?.headers.host).toBe(`hook.example:${hook.port}`);
    expect(hook.connections()).toBe(1);
    expect(await push(sender, secure(hook.port, '127.0.0.1'))).toEqual({ outcome: 'delivered' });
    expect(await push(sender, secure(hook.port, 'wrong.example'))).toMatchObject({
      outcome: 'retry',
      reason: expect.stringContaining('wrong.example'),
    });
    expect(hook.requests).toHaveLength(3);
  });

  it('a certificate nobody vouches for is not good enough', async () => {
    const hook = await receiver((response) => response.end(), { tls: true });
    const sender = createWebhookSender({
      runtime: systemRuntime,
      transport: undiciWebhookTransport(),
      resolve: async () => here,
      settings,
    });
    onTestFinished(() => sender.close());
    expect(await push(sender, secure(hook.port))).toMatchObject({
      outcome: 'retry',
      reason: expect.stringContaining('self-signed'),
    });
    expect(hook.requests).toHaveLength(0);
  });

  it('a name that turns to an address inside gets nothing, not even over a connection that is still open', async () => {
    const hook = await receiver((response) => response.end(), { tls: true });
    let answer = here;
    const sender = senderOf({}, async () => answer);
    expect(await push(sender, secure(hook.port))).toEqual({ outcome: 'delivered' });
    answer = [{ address: '169.254.169.254', family: 4 }];
    expect(await push(sender, secure(hook.port))).toEqual({
      outcome: 'retry',
      reason: 'hook.example is not pushed to: 169.254.169.254 is not a public address (linkLocal)',
    });
    expect(hook.requests).toHaveLength(1);
  });

  it('loopback is no target where it is not allowed', async () => {
    const hook = await receiver((response) => response.end(), { tls: true });
    const sender = senderOf({ allowPlainLoopback: false });
    expect(await push(sender, secure(hook.port))).toMatchObject({ outcome: 'retry' });
    expect(await push(sender, secure(hook.port, '127.0.0.1'))).toMatchObject({ outcome: 'retry' });
    expect(hook.connections()).toBe(0);
    const allowed = senderOf({ allowPlainLoopback: false, allowedNetworks: ['127.0.0.0/8'] });
    expect(await push(allowed, secure(hook.port))).toEqual({ outcome: 'delivered' });
  });
});

describe('the handshake', () => {
  const shake = (sender: WebhookSender, target: WebhookTarget) =>
    sender.handshake(target, 'vault.example.com', new AbortController().signal);

  it('asks the very URL and hears what is allowed', async () => {
    const hook = await receiver((response, { method }) => {
      const headers = { 'WebHook-Allowed-Origin': 'vault.example.com', 'WebHook-Allowed-Rate': '600' };
      response.writeHead(method === 'OPTIONS' ? 200 : 500, headers).end();
    });
    expect(await shake(senderOf(), targetOf(hook))).toEqual({
      origin: 'vault.example.com',
      allowedRatePerMinute: 600,
    });
    expect(hook.requests[0]).toMatchObject({
      method: 'OPTIONS',
      path: '/hook?q=1',
      headers: { 'webhook-request-origin': 'vault.example.com' },
    });
  });

  it('takes nothing but the header for consent', async () => {
    const hook = await receiver((response) => response.writeHead(200, { allow: 'POST, OPTIONS' }).end());
    await expect(shake(senderOf(), targetOf(hook))).rejects.toMatchObject({ code: 'handshake_refused' });
  });

  it('does not follow a redirect either', async () => {
    const victim = await receiver((response) =>
      response.writeHead(200, { 'WebHook-Allowed-Origin': '*' }).end(),
    );
    const location = `http://127.0.0.1:${victim.port}/`;
    const hook = await receiver((response) =>
      response.writeHead(307, { location, 'WebHook-Allowed-Origin': '*' }).end(),
    );
    await expect(shake(senderOf(), targetOf(hook))).rejects.toMatchObject({ code: 'handshake_refused' });
    expect(victim.connections()).toBe(0);
  });

  it('that nobody answers fails', async () => {
    const hook = await receiver(() => {});
    await expect(shake(senderOf({ handshakeTimeoutMs: 100 }), targetOf(hook))).rejects.toMatchObject({
      code: 'handshake_failed',
    });
  });
});
