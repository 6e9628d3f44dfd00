import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createClient,
  isVaultClientError,
  type RelayedAnswer,
  type RelayHandler,
  type RelayOptions,
  type RelayProblem,
  type VaultClient,
} from '../src/index.ts';
import { type RealNodes, startNodes } from './support/real-nodes.ts';

const MIB = 1024 * 1024;
const POLICY = { 'content-type': 'application/vnd.message-vault.policy+json' };

async function cluster(count: Parameters<typeof startNodes>[0] = {}): Promise<RealNodes> {
  const nodes = await startNodes(count);
  onTestFinished(() => nodes[Symbol.asyncDispose]());
  await assign(nodes, 'api', 'connection-point');
  return nodes;
}

async function assign({ urls: [url] }: RealNodes, name: string, role: string): Promise<void> {
  const body = JSON.stringify({ role });
  const answer = await fetch(`${url}/${name}`, { method: 'POST', headers: POLICY, body });
  expect(answer.status, await answer.text()).toBe(201);
}

function clientOf(urls: readonly string[]): VaultClient {
  const client = createClient({ urls, giveUpAfterMs: 10_000 });
  onTestFinished(() => client.close());
  return client;
}

/** Listens to `api` until the test ends, or is stopped; connected when this resolves. */
async function listen(urls: readonly string[], handler: RelayHandler, options: RelayOptions = {}) {
  const stop = new AbortController();
  const connected = Promise.withResolvers<void>();
  const connections: string[] = [];
  const ended = clientOf(urls).listen('api', handler, {
    signal: stop.signal,
    onConnected: ({ url }) => {
      connections.push(url);
      connected.resolve();
    },
    ...options,
  });
  ended.catch(connected.reject);
  onTestFinished(async () => {
    stop.abort();
    await ended.catch(() => undefined);
  });
  await connected.promise;
  return { stop: () => stop.abort(), ended, connections };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const echo: RelayHandler = ({ body }) => ({ body });

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (isVaultClientError(error) ? error.code : String(error)),
  );
}

describe('a client that serves a connection point', () => {
  it('gets requests as they were made and answers them', async () => {
    const { urls } = await cluster();
    await listen(urls, async ({ method, path, headers, hasBody, body }) => ({
      status: 418,
      headers: { 'x-tea': 'green', 'set-cookie': ['a=1', 'b=2'] },
      body: JSON.stringify({
        method,
        path,
        hasBody,
        two: headers['x-two'],
        text: Buffer.concat(await Array.fromAsync(body)).toString(),
      }),
    }));
    const response = await fetch(`${urls[0]}/api/-/relay/tea?milk=no`, {
      method: 'POST',
      headers: { 'X-Two': '1, 2' },
      body: 'please',
    });
    expect(response.status).toBe(418);
    expect(response.headers.get('x-tea')).toBe('green');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.json()).toEqual({
      method: 'POST',
      path: '/tea?milk=no',
      hasBody: true,
      two: '1, 2',
      text: 'please',
    });
  });

  it('answers without a body, and HEAD with what the body would have been', async () => {
    const { urls } = await cluster();
    await listen(urls, ({ method }) => (method === 'DELETE' ? { status: 204 } : { body: 'seven..' }));
    expect((await fetch(`${urls[0]}/api`, { method: 'DELETE' })).status).toBe(204);
    const head = await fetch(`${urls[0]}/api`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '7']);
    expect(await (await fetch(`${urls[0]}/api`)).text()).toBe('seven..');
  });

  it('streams large bodies both ways through nodes that do not lead', async () => {
    const { urls } = await cluster({ readers: 2 });
    const [, near = '', far = ''] = urls;
    await listen([near], echo);
    const sent = Buffer.alloc(
      24 * MIB,
      Uint8Array.from({ length: 251 }, (_, index) => index),
    );
    const response = await fetch(`${far}/api`, { method: 'POST', body: sent });
    expect(Buffer.from(await response.arrayBuffer()).equals(sent)).toBe(true);
  });

  it('may say itself that it is not available, at length, and in the words of the vault', async () => {
    const { urls } = await cluster({ readers: 1 });
    const words = JSON.stringify({ code: 'not_leader', detail: 'x'.repeat(200_000) });
    const headers = { 'content-type': 'application/problem+json' };
    await listen(urls, () => ({ status: 503, headers, body: words }));
    const response = await fetch(`${urls[1]}/api`);
    expect([response.status, response.headers.get('vault-relayed')]).toEqual([503, 'true']);
    expect((await response.text()) === words).toBe(true);
  });

  it('is slowed down to what whoever asked takes', async () => {
    const { urls } = await cluster({ readers: 1 });
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 64 * 1024;
        yield Buffer.alloc(64 * 1024);
      }
    }
    await listen(urls, () => ({ body: endless() }));
    const response = await fetch(`${urls[1]}/api`);
    const reader = response.body?.getReader();
    await reader?.read();
    let before = -1;
    let quiet = 0;
    await until(() => {
      quiet = given === before ? quiet + 1 : 0;
      before = given;
      return quiet > 30;
    });
    expect(given).toBeLessThan(24 * MIB);
    await reader?.cancel();
  });

  it('learns that nobody waits any more', async () => {
    const { urls } = await cluster();
    const aborted = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const problems: RelayProblem[] = [];
    await listen(
      urls,
      ({ signal }) =>
        new Promise<RelayedAnswer>((_resolve, reject) => {
          begun.resolve();
          signal.addEventListener('abort', () => {
            aborted.resolve();
            reject(signal.reason);
          });
        }),
      { onProblem: (problem) => problems.push(problem) },
    );
    const controller = new AbortController();
    const asked = fetch(`${urls[0]}/api`, { signal: controller.signal });
    await begun.promise;
    controller.abort();
    await expect(asked).rejects.toThrow();
    await aborted.promise;
    expect(problems).toEqual([]);
  });

  it.each<[what: string, handler: RelayHandler]>([
    [
      'throws',
      () => {
        throw new Error('secret of the handler');
      },
    ],
    ['gives a header HTTP does not allow', () => ({ headers: { 'x-a': 'b\r\nx-c: d' } })],
    ['gives a status there is not', () => ({ status: 42 })],
  ])('whose handler %s costs that request only', async (_what, failing) => {
    const { urls } = await cluster();
    const problems: RelayProblem[] = [];
    await listen(urls, (request) => (request.path === '/bad' ? failing(request) : { body: 'good' }), {
      onProblem: (problem) => problems.push(problem),
    });
    const bad = await fetch(`${urls[0]}/api/-/relay/bad`);
    const text = await bad.text();
    expect([bad.status, JSON.parse(text).code]).toEqual([502, 'relay_failed']);
    expect(text).not.toMatch(/secret/);
    expect(problems).toMatchObject([{ method: 'GET', path: '/bad', error: expect.any(Error) }]);
    expect(await (await fetch(`${urls[0]}/api`)).text()).toBe('good');
  });

  it('shares requests with another one, and refuses what it can not take', async () => {
    const { urls } = await cluster();
    const held: (() => void)[] = [];
    const seen = { one: 0, two: 0 };
    const holding =
      (who: 'one' | 'two'): RelayHandler =>
      () => {
        seen[who] += 1;
        return new Promise((resolve) => held.push(() => resolve({ body: who })));
      };
    await listen(urls, holding('one'), { maxInFlight: 2 });
    await listen(urls, holding('two'), { maxInFlight: 2 });
    const asked = Array.from({ length: 4 }, () => fetch(`${urls[0]}/api`));
    await until(() => held.length === 4);
    expect(seen).toEqual({ one: 2, two: 2 });
    expect((await fetch(`${urls[0]}/api`)).status).toBe(503);
    for (const release of held) release();
    for (const answer of asked) expect((await answer).status).toBe(200);
  });

  it('finishes what is under way when it is stopped, and takes nothing more', async () => {
    const { urls } = await cluster();
    const release = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const { stop, ended } = await listen(urls, async () => {
      begun.resolve();
      await release.promise;
      return { body: 'the last one' };
    });
    const asked = fetch(`${urls[0]}/api`);
    await begun.promise;
    stop();
    await until(async () => (await fetch(`${urls[0]}/api`)).status === 503);
    release.resolve();
    expect(await (await asked).text()).toBe('the last one');
    await ended;
  });

  it('does not wait longer than it was told when it is stopped', async () => {
    const { urls } = await cluster();
    const begun = Promise.withResolvers<void>();
    const { stop, ended } = await listen(
      urls,
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          begun.resolve();
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
      { drainMs: 20 },
    );
    const asked = fetch(`${urls[0]}/api`);
    await begun.promise;
    stop();
    await ended;
    expect((await asked).status).toBe(502);
  });

  it('goes on with the next leader after a handover, and nobody who asks notices', async () => {
    const { urls } = await cluster({ slaves: 1, readers: 1 });
    const listener = await listen(urls, () => ({ body: 'here' }));
    const reader = urls[2] ?? '';
    const asked: Promise<number>[] = [];
    const asking = setInterval(() => asked.push(fetch(`${reader}/api`).then(({ status }) => status)), 20);
    onTestFinished(() => clearInterval(asking));
    const handover = await fetch(`${reader}/-/cluster/handover`, { method: 'POST' });
    expect(handover.status).toBe(200);
    await until(() => listener.connections.length > 1);
    expect((await fetch(`${reader}/api`)).status).toBe(200);
    clearInterval(asking);
    expect(new Set(await Promise.all(asked))).toEqual(new Set([200]));
  });

  it('ends with an error when the name is taken away from it', async () => {
    const nodes = await cluster();
    const { ended } = await listen(nodes.urls, echo);
    const removed = await fetch(`${nodes.urls[0]}/api/-/policy`, { method: 'DELETE' });
    expect(removed.status).toBe(204);
    expect(await codeOf(ended)).toBe('not_found');
  });

  it('is told at once that there is nothing to serve', async () => {
    const nodes = await cluster();
    await assign(nodes, 'orders', 'stream');
    const client = clientOf(nodes.urls);
    expect(await codeOf(client.listen('nothing', echo))).toBe('not_found');
    expect(await codeOf(client.listen('orders', echo))).toBe('rejected');
  });

  it('ends when its client is closed', async () => {
    const { urls } = await cluster();
    const client = clientOf(urls);
    const connected = Promise.withResolvers<void>();
    const ended = client.listen('api', echo, { onConnected: () => connected.resolve() });
    const code = codeOf(ended);
    await connected.promise;
    await client.close();
    expect(await code).toBe('closed');
  });
});
