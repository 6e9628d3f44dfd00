import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { createClient, type VaultClient } from '../src/index.ts';
import { startPeer } from './support/http-peer.ts';

type Handle = (
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
) => readonly [status: number, json: unknown] | 'break off';

async function setUp(handle: Handle): Promise<{ client: VaultClient; requests: string[] }> {
  const requests: string[] = [];
  const peer = await startPeer((request, response, body) => {
    if (request.url === '/-/health/live') return void response.end();
    requests.push(`${request.method} ${request.url}`);
    const answer = handle(request, response, body.toString());
    if (answer === 'break off') return void request.socket.destroy();
    const [status, json] = answer;
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(json));
  });
  const client = createClient({ urls: [peer.url] });
  onTestFinished(async () => {
    await client.close();
    await peer[Symbol.asyncDispose]();
  });
  return { client, requests };
}

const taken = [409, { code: 'name_taken', status: 409, detail: 'it has a role' }] as const;

test('a policy whose answer was lost is found to be in force, however it is written', async () => {
  let first = true;
  const { client, requests } = await setUp(({ method }) => {
    if (method === 'GET') return [200, { role: 'queue', lockDuration: 'PT60S', maxDequeueRetries: 10 }];
    if (!first) return taken;
    first = false;
    return 'break off';
  });
  const made = await client.name('a/queue').assign({ role: 'queue', lockDuration: '1m' });
  expect(made).toMatchObject({ name: 'a/queue', role: 'queue', policy: { maxDequeueRetries: 10 } });
  expect(requests).toEqual(['POST /a/queue', 'POST /a/queue', 'GET /a/queue/-/policy']);
});

test('after a lost answer another policy in force is told as what it is: not known whose', async () => {
  let first = true;
  const { client } = await setUp(({ method }) => {
    if (method === 'GET') return [200, { role: 'queue', lockDuration: 'PT30S' }];
    if (!first) return taken;
    first = false;
    return 'break off';
  });
  const assigned = client.name('a/queue').assign({ role: 'queue', lockDuration: '60s' });
  await expect(assigned).rejects.toMatchObject({ code: 'outcome_unknown', status: 409 });
});

test('a name that has a role, and a policy that has changed, are conflicts of their own kinds', async () => {
  const { client, requests } = await setUp((request) => {
    if (request.method === 'POST') return taken;
    expect(request.headers['if-match']).toBe('"1"');
    return [412, { code: 'precondition_failed', status: 412, detail: 'of version 2 now' }];
  });
  const name = client.name('a/queue');
  await expect(name.assign({ role: 'queue' })).rejects.toMatchObject({ code: 'conflict' });
  await expect(name.change({ lockDuration: '5s' }, { ifMatch: '"1"' })).rejects.toMatchObject({
    code: 'changed_meanwhile',
  });
  expect(requests).toHaveLength(2);
});

test('a role that is gone when its removal is repeated was removed', async () => {
  let first = true;
  const { client, requests } = await setUp(() => {
    if (!first) return [404, { code: 'no_such_name', status: 404 }];
    first = false;
    return 'break off';
  });
  await client.name('a').remove();
  expect(requests).toHaveLength(2);
  await expect(client.name('a').remove()).rejects.toMatchObject({ code: 'not_found' });
});

test('a change that somebody made at the same time is tried again', async () => {
  let tries = 0;
  const { client } = await setUp(() => {
    tries += 1;
    return tries < 3 ? [409, { code: 'conflict', status: 409 }] : [200, { role: 'queue' }];
  });
  await client.name('a').change({});
  expect(tries).toBe(3);
});

test('children come page by page', async () => {
  const { client } = await setUp(({ url }) =>
    url?.includes('cursor=x')
      ? [200, { name: 'a', children: [{ name: 'a/c', role: 'none' }], cursor: null }]
      : [200, { name: 'a', children: [{ name: 'a/b', role: 'queue' }], cursor: 'x' }],
  );
  expect(await Array.fromAsync(client.name('a').children())).toEqual([
    { name: 'a/b', role: 'queue' },
    { name: 'a/c', role: 'none' },
  ]);
});

const subscription = {
  id: 's-1',
  target: { name: 'a/audit' },
  state: 'active',
  cursor: 7,
  lag: null,
  lastError: { at: '2026-11-20T00:00:00Z', reason: 'full' },
  createdAt: '2026-11-20T00:00:00Z',
};

test('a subscription whose answer was lost is not made twice', async () => {
  const { client, requests } = await setUp(({ method }) =>
    method === 'GET' ? [200, { subscriptions: [subscription] }] : 'break off',
  );
  const made = await client.router('a/jobs').subscribe({ name: 'a/audit' });
  expect(made).toMatchObject({ id: 's-1', cursor: 7, lag: undefined, lastError: 'full' });
  expect(requests).toEqual(['POST /a/jobs/-/subscriptions', 'GET /a/jobs/-/subscriptions']);
});

test('a subscription that was not made by the attempt whose answer was lost is made by the next', async () => {
  let posts = 0;
  const bodies: string[] = [];
  const { client } = await setUp(({ method }, _response, body) => {
    if (method === 'GET') return [200, { subscriptions: [{ ...subscription, filter: "key = 'b'" }] }];
    posts += 1;
    bodies.push(body);
    return posts === 1 ? 'break off' : [201, subscription];
  });
  const options = { from: { last: 3 }, filter: "key = 'a'", expires: new Date(0) } as const;
  await client.router('a/jobs').subscribe({ name: 'a/audit' }, options);
  expect(JSON.parse(bodies[1] ?? '')).toEqual({
    target: { name: 'a/audit' },
    from: 'last:3',
    filter: "key = 'a'",
    expires: '1970-01-01T00:00:00.000Z',
  });
});

test('a cycle is a conflict, in the words of the node', async () => {
  const { client } = await setUp(() => [409, { code: 'cycle', status: 409, detail: 'a → b → a' }]);
  await expect(client.router('a').subscribe({ name: 'b' })).rejects.toMatchObject({
    code: 'conflict',
    problem: { code: 'cycle', detail: 'a → b → a' },
  });
});

test('a name that is no name is refused before anything is sent', async () => {
  const { client, requests } = await setUp(() => [200, {}]);
  expect(() => client.queue('a//b')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  expect(() => client.name('')).toThrow();
  await expect(client.router('a').subscribe({ name: '-' })).rejects.toMatchObject({
    code: 'invalid_argument',
  });
  expect(requests).toEqual([]);
});

test('the statistics of a queue are not taken for those of a stream', async () => {
  const { client } = await setUp(() => [200, { queue: 'q', depth: 3, locked: null, oldestAgeSeconds: null }]);
  await expect(client.stats('q')).rejects.toMatchObject({ code: 'rejected' });
  expect(await client.name('q').stats()).toEqual({
    role: 'queue',
    queue: 'q',
    depth: 3,
    locked: undefined,
    deadLettered: undefined,
    oldestAgeSeconds: undefined,
  });
});
