import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryStorage, type Storage } from '@message-vault/storage';
import { silentLogger } from '@message-vault/telemetry';
import { expect, onTestFinished, test } from 'vitest';
import { createNode } from '../src/index.ts';
import { request } from './support/curl.ts';

const POLICY = 'application/vnd.message-vault.policy+json';

/** A node that leads, over storage in memory. */
async function leadingNode(storage: Storage = memoryStorage()): Promise<Vault> {
  const config = {
    app: 'master',
    nodeId: 'm',
    port: 0,
    storage: 'memory',
    allowLoopbackWebhooks: true,
    logLevel: 'silent',
  } as const;
  const node = await createNode(config, { storage, logger: silentLogger });
  onTestFinished(() => node.stop());
  await until(async () => node.notReady() === undefined);
  return new Vault(node.url);
}

class Vault {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async call(method: string, path: string, body?: unknown, type = 'application/json') {
    const init: RequestInit = { method, headers: { 'content-type': type } };
    if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await fetch(this.url + path, init);
    const text = await answer.text();
    const json = (answer.headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : undefined;
    return { status: answer.status, text, json, headers: answer.headers };
  }

  async role(name: string, policy: object): Promise<void> {
    expect(await this.call('POST', `/${name}`, policy, POLICY)).toMatchObject({ status: 201 });
  }

  publish(name: string, value: string) {
    return this.call('POST', `/${name}`, value, 'text/plain');
  }

  async values(name: string): Promise<string[]> {
    const { json } = await this.call('GET', `/${name}`);
    return json.messages.map((message: { valueText: string }) => message.valueText);
  }

  subscribe(name: string, target: object, more: object = {}) {
    return this.call('POST', `/${name}/-/subscriptions`, { target, ...more });
  }
}

/** Waits, as long as the test may, until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function webhook(answer: (value: string) => number): Promise<{ url: string; got: string[] }> {
  const got: string[] = [];
  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      if (req.method === 'OPTIONS') {
        if (req.url === '/closed') {
          res.statusCode = 405;
          res.end();
          return;
        }
        res.setHeader('WebHook-Allowed-Origin', '*');
        res.setHeader('WebHook-Allowed-Rate', '*');
        res.end();
        return;
      }
      const value = Buffer.concat(parts).toString();
      res.statusCode = answer(value);
      if (res.statusCode === 200) got.push(value);
      res.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, got };
}

test('what is published to a router comes out of a stream, a queue and a webhook', async () => {
  const vault = await leadingNode();
  const hook = await webhook(() => 200);
  await vault.role('app/jobs', { role: 'router' });
  await vault.role('app/audit', { role: 'queue' });
  await vault.role('app/log', { role: 'stream' });
  for (const target of [{ name: 'app/audit' }, { name: 'app/log' }, { webhook: hook.url }]) {
    const { status, json, headers } = await vault.subscribe('app/jobs', target);
    expect({ status, state: json.state, lag: json.lag }).toEqual({ status: 201, state: 'active', lag: 0 });
    expect(headers.get('location')).toBe(`/app/jobs/-/subscriptions/${json.id}`);
  }
  const published = await vault.publish('app/jobs', 'one');
  expect(published).toMatchObject({ status: 202, json: { stream: 'app/jobs', count: 1 } });
  await vault.publish('app/jobs', 'two');
  await until(async () => (await vault.values('app/log')).length === 2 && hook.got.length === 2);
  expect(await vault.values('app/log')).toEqual(['one', 'two']);
  expect(hook.got.toSorted()).toEqual(['one', 'two']);
  const taken = [];
  for (let count = 0; count < 2; count += 1) {
    taken.push((await vault.call('DELETE', '/app/audit/-/head?timeout=5')).text);
  }
  expect(taken.toSorted()).toEqual(['one', 'two']);
});

test('a cycle is refused with 409, direct and through three hops, and a subscription can be paused and removed', async () => {
  const vault = await leadingNode();
  for (const name of ['a', 'b', 'c', 'log']) {
    await vault.role(name, { role: name === 'log' ? 'stream' : 'router' });
  }
  expect(await vault.subscribe('a', { name: 'a' })).toMatchObject({ status: 409, json: { code: 'cycle' } });
  expect(await vault.subscribe('a', { name: 'b' })).toMatchObject({ status: 201 });
  expect(await vault.subscribe('b', { name: 'c' })).toMatchObject({ status: 201 });
  expect(await vault.subscribe('c', { name: 'a' })).toMatchObject({ status: 409, json: { code: 'cycle' } });
  const { json } = await vault.subscribe('c', { name: 'log' });
  const path = `/c/-/subscriptions/${json.id}`;
  expect(await vault.call('PUT', path, { state: 'paused' })).toMatchObject({ json: { state: 'paused' } });
  await vault.publish('a', 'x');
  await until(async () => (await vault.call('GET', path)).json.lag === 1);
  expect(await vault.values('log')).toEqual([]);
  expect(await vault.call('PUT', path, { state: 'active' })).toMatchObject({ json: { state: 'active' } });
  await until(async () => (await vault.values('log')).length === 1);
  expect((await vault.call('DELETE', path)).status).toBe(204);
  expect(await vault.call('GET', path)).toMatchObject({
    status: 404,
    json: { code: 'no_such_subscription' },
  });
});

test('the examples of docs/routers.md work in the order they stand there', async () => {
  const page = await readFile(new URL('../../../docs/routers.md', import.meta.url), 'utf8');
  const vault = await leadingNode();
  const lines = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
    block.trim().split('\n'),
  );
  const answers: string[] = [];
  for (const line of lines) {
    const { url, init } = request(line);
    const answer = await fetch(url.replace('http://127.0.0.1:7001', vault.url), init);
    answers.push(`${answer.status} ${await answer.text()}`);
  }
  expect(answers.map((answer) => answer.slice(0, 10))).toEqual([
    '201 {"role',
    '201 {"role',
    '201 {"id":',
    '202 {"stre',
    '200 paint ',
  ]);
});

test('a place to begin at that is none is told of as what it is, a member of the body', async () => {
  const vault = await leadingNode();
  await vault.role('app/jobs', { role: 'router' });
  for (const from of ['yesterday', 1.5]) {
    const { json } = await vault.subscribe('app/jobs', { name: 'app/jobs' }, { from });
    expect(json).toMatchObject({
      code: 'bad_body',
      detail: expect.stringMatching(/not a subscription: .*from/s),
    });
  }
});

test('what is no subscription, or no change of one, is told in which member and what was expected there', async () => {
  const vault = await leadingNode();
  await vault.role('app/jobs', { role: 'router' });
  const target = { name: 'app/log' };
  const wrong: [body: unknown, detail: string][] = [
    [[], 'this is not a subscription: expected an object with the member target'],
    [{}, 'its member target: expected {"name": "…"} or {"webhook": "https://…"'],
    [
      { target: { ...target, secret: 'x' } },
      'its member target: "secret" is no member of it: expected {"name"',
    ],
    [{ target, until: 1 }, '"until" is no member of it: expected an object with the member target'],
    [{ target, filter: 5 }, 'its member filter: expected a condition'],
    [{ target, expires: 'tomorrow' }, 'its member expires: expected an instant like 2026-11-20T07:00:00Z'],
  ];
  for (const [body, detail] of wrong) {
    const { status, json } = await vault.call('POST', '/app/jobs/-/subscriptions', body);
    expect({ status, detail: json.detail }).toEqual({ status: 400, detail: expect.stringContaining(detail) });
  }
  const { json } = await vault.call('PUT', '/app/jobs/-/subscriptions/any', { state: 'ended' });
  expect(json.detail).toBe(
    'this is not a change of a subscription: its member state: expected "active" or "paused"',
  );
});

test('a subscription ends as soon as its target loses its role', async () => {
  const vault = await leadingNode();
  await vault.role('app/jobs', { role: 'router' });
  await vault.role('app/log', { role: 'stream' });
  const { json } = await vault.subscribe('app/jobs', { name: 'app/log' });
  expect((await vault.call('DELETE', '/app/log/-/policy')).status).toBe(204);
  const seen = async () => (await vault.call('GET', `/app/jobs/-/subscriptions/${json.id}`)).json;
  await until(async () => (await seen()).state === 'ended');
  expect((await seen()).lastError.reason).toContain('app/log is gone');
});

test('what is wrong with a subscription is said with a code of its own, and nothing is made of it', async () => {
  const vault = await leadingNode();
  const refusing = await webhook(() => 500);
  await vault.role('app/jobs', { role: 'router', maxSubscribers: 1 });
  await vault.role('app/ref', { role: 'metadata', uri: 'https://example.com' });
  const wrong: [status: number, code: string, target: object, more?: object][] = [
    [400, 'bad_body', { name: 'app/x', webhook: 'https://example.com' }],
    [400, 'bad_name', { name: 'app//x' }],
    [400, 'bad_body', { name: 'app/jobs' }, { from: 'yesterday' }],
    [400, 'bad_filter', { name: 'app/x' }, { filter: 'key =' }],
    [400, 'bad_webhook', { webhook: 'https://user:secret@example.com' }],
    [400, 'bad_webhook', { webhook: 'https://169.254.169.254/latest' }],
    [400, 'bad_body', { webhook: refusing.url }, { expires: '2001-01-01T00:00:00Z' }],
    [404, 'no_such_name', { name: 'app/nothing' }],
    [409, 'wrong_role', { name: 'app/ref' }],
    [409, 'webhook_refused', { webhook: refusing.url.replace('/hook', '/closed') }],
  ];
  for (const [status, code, target, more] of wrong) {
    expect(await vault.subscribe('app/jobs', target, more), JSON.stringify(target)).toMatchObject({
      status,
      json: { code },
    });
  }
  expect((await vault.call('GET', '/app/jobs/-/subscriptions')).json).toEqual({ subscriptions: [] });
  expect(await vault.subscribe('app/jobs', { webhook: refusing.url })).toMatchObject({ status: 201 });
  expect(await vault.subscribe('app/jobs', { webhook: refusing.url })).toMatchObject({
    status: 409,
    json: { code: 'too_many_subscribers' },
  });
});

test('what a webhook refuses is among the dead letters, with the reason, and is redriven once it takes it', async () => {
  const vault = await leadingNode();
  let status = 400;
  const hook = await webhook(() => status);
  await vault.role('app/jobs', { role: 'router', pushDeliveryRetries: 0 });
  const { json } = await vault.subscribe('app/jobs', { webhook: hook.url });
  expect(json.secret).toMatch(/^whsec_/);
  const path = `/app/jobs/-/subscriptions/${json.id}`;
  const rotated = await vault.call('POST', `${path}/secret`);
  expect(rotated.json.secret).not.toBe(json.secret);
  expect(JSON.stringify((await vault.call('GET', path)).json)).not.toContain('whsec_');
  await vault.publish('app/jobs', 'x');
  const stats = async () => (await vault.call('GET', '/app/jobs/-/stats')).json;
  await until(async () => (await stats()).deadLettered === 1);
  expect((await vault.call('GET', '/app/jobs/dead-letter/-/head')).text).toContain('400');
  status = 200;
  expect((await vault.call('POST', '/app/jobs/-/redrive')).json).toEqual({ moved: 1 });
  expect(hook.got).toEqual(['x']);
  expect(await stats()).toMatchObject({
    router: 'app/jobs',
    distribution: 'all',
    deadLettered: 0,
    maxLag: 0,
  });
});
