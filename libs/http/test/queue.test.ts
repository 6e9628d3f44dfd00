import { deadLetterOf, type QueueDocument, queuePolicySchema } from '@message-vault/metadata';
import { randomUuid, systemRuntime } from '@message-vault/runtime';
import { describe, expect, it } from 'vitest';
import { BATCH_JSON, JSON_TYPE, json, problem } from './support/requests.ts';
import { type RunningNode, startNode } from './support/test-node.ts';

const NAME = 'myapp/work';
const MESSAGE = { accept: 'application/vnd.message-vault.message+json' };

/** A node that has the queue `myapp/work`, and its dead letters. */
async function nodeWithQueue(policy: Partial<QueueDocument['policy']> = {}) {
  const running = await startNode();
  const { storage, others } = running.node;
  const named = (): string => `mv-${Buffer.from(systemRuntime.randomBytes(16)).toString('hex')}`;
  const document: QueueDocument = {
    version: 1,
    name: NAME,
    role: 'queue',
    createdAt: systemRuntime.now(),
    createdByEpoch: 1,
    queueId: randomUuid(systemRuntime),
    queue: named(),
    deadLetterId: randomUuid(systemRuntime),
    deadLetterQueue: named(),
    container: named(),
    policy: queuePolicySchema.parse(policy),
  };
  await storage.queues.createQueue(document.queue);
  await storage.queues.createQueue(document.deadLetterQueue);
  await storage.pages.createContainer(document.container);
  others.set(NAME, document);
  others.set(`${NAME}/dead-letter`, deadLetterOf(document));
  return { running, document, at: `${running.url}/${NAME}` };
}

function send(at: string, body: string | Buffer, headers: Record<string, string> = {}, query = '') {
  return fetch(`${at}${query}`, { method: 'POST', body, headers });
}

async function lock(at: string, query = '') {
  const response = await fetch(`${at}/-/head${query}`, { method: 'POST' });
  expect(response.status).toBe(201);
  const location = response.headers.get('location') ?? '';
  const properties = JSON.parse(response.headers.get('brokerproperties') ?? '') as Record<string, unknown>;
  return { response, url: new URL(location, at).href, properties, text: await response.text() };
}

const stats = async (at: string) => json<Record<string, unknown>>(await fetch(`${at}/-/stats`));

describe('a queue over HTTP', () => {
  it('takes a message with 202 and gives it under lock as it came, until it is acknowledged', async () => {
    const { at } = await nodeWithQueue();
    const sent = await send(at, '{"job":1}', JSON_TYPE, '?key=k%C3%A4');
    expect(sent.status).toBe(202);
    expect(sent.headers.get('location')).toBe('/myapp/work/-/head');
    const { messageIds, ...rest } = await json<{ messageIds: string[] }>(sent);
    expect(rest).toEqual({ queue: NAME, count: 1 });
    const held = await lock(at);
    expect(held.text).toBe('{"job":1}');
    expect(held.response.headers.get('content-type')).toBe('application/json');
    expect(held.response.headers.get('message-headers')).toBeNull();
    expect(held.url).toMatch(/\/myapp\/work\/-\/locks\/[A-Za-z0-9_-]+$/);
    expect(held.properties).toEqual({
      MessageId: messageIds[0],
      LockToken: held.url.split('/').at(-1),
      LockedUntilUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      DeliveryCount: 1,
      EnqueuedTimeUtc: expect.stringMatching(/Z$/),
      Key: 'kä',
    });
    expect(await stats(at)).toMatchObject({ queue: NAME, depth: 1, locked: 1, deadLettered: 0 });
    expect((await fetch(`${at}/-/head`, { method: 'POST' })).status).toBe(204);
    expect((await fetch(held.url, { method: 'DELETE' })).status).toBe(200);
    await problem(await fetch(held.url, { method: 'DELETE' }), 410, 'lock_lost');
    expect(await stats(at)).toEqual({
      queue: NAME,
      depth: 0,
      locked: 0,
      deadLettered: 0,
      oldestAgeSeconds: null,
    });
  });

  it('gives kinds their types, and headers as JSON in one header', async () => {
    const { at } = await nodeWithQueue();
    const messages = [
      { value: { a: [1, 2.0] }, headers: { trace: 'ü', twice: ['1', '2'] } },
      { valueText: 'grüße' },
      { valueBase64: 'AAEC' },
      { valueText: '<script>', headers: { 'content-type': 'text/html', more: 'x'.repeat(5000) } },
    ];
    expect(await json(await send(at, JSON.stringify({ messages }), BATCH_JSON))).toMatchObject({ count: 4 });
    const seen = new Map<string, Headers>();
    for (const _ of messages) {
      const { text, response } = await lock(at);
      seen.set(text, response.headers);
    }
    const type = (value: string) => seen.get(value)?.get('content-type');
    expect(type('{"a":[1,2]}')).toBe('application/json');
    expect(seen.get('{"a":[1,2]}')?.get('message-headers')).toBe('{"trace":"\\u00fc","twice":["1","2"]}');
    expect(type('grüße')).toBe('text/plain; charset=utf-8');
    expect(type('\0\x01\x02')).toBe('application/octet-stream');
    expect(type('<script>')).toBe('text/html');
    expect(seen.get('<script>')?.get('content-security-policy')).toBe('sandbox');
    expect(seen.get('<script>')?.get('message-headers')).toBeNull();
  });

  it('gives the whole message as JSON to who asks for it', async () => {
    const { at } = await nodeWithQueue();
    await send(
      at,
      JSON.stringify({ messages: [{ key: 'k', value: 1, headers: { h: 'v' } }] }),
      BATCH_JSON,
      '?ttl=PT1H',
    );
    const response = await fetch(`${at}/-/head`, { method: 'POST', headers: MESSAGE });
    expect(response.headers.get('content-type')).toBe(MESSAGE.accept);
    const message = await json<Record<string, unknown>>(response);
    expect(message).toEqual({
      id: expect.any(String),
      key: 'k',
      headers: { h: 'v' },
      value: 1,
      lock: { id: expect.any(String), until: expect.any(Number) },
      deliveryCount: 1,
      enqueuedAt: expect.any(Number),
      expiresAt: Number(message.enqueuedAt) + 3_600_000,
    });
  });

  it('removes what it gives to a DELETE', async () => {
    const { at } = await nodeWithQueue();
    await send(at, 'once');
    const response = await fetch(`${at}/-/head?timeout=5`, { method: 'DELETE' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('once');
    expect(response.headers.get('location')).toBeNull();
    expect((await fetch(`${at}/-/head`, { method: 'DELETE' })).status).toBe(204);
    expect(await stats(at)).toMatchObject({ depth: 0 });
  });

  it('shows its head without taking anything', async () => {
    const { at } = await nodeWithQueue();
    for (const each of ['1', '2', '3']) await send(at, each, JSON_TYPE);
    const { messages, queue } = await json<{ queue: string; messages: Record<string, unknown>[] }>(
      await fetch(`${at}/-/head?limit=2`),
    );
    expect(queue).toBe(NAME);
    expect(messages.map(({ value, deliveryCount }) => [value, deliveryCount])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect((await lock(at)).text).toBe('1');
  });

  it('gives a message back, later if asked to, and renews a lock under the same id', async () => {
    const { at } = await nodeWithQueue({ lockDurationMs: 5000 });
    await send(at, 'job');
    const first = await lock(at);
    const renewed = await fetch(first.url, { method: 'POST' });
    expect(renewed.status).toBe(200);
    const { lockedUntil } = await json<{ lockedUntil: number }>(renewed);
    expect(lockedUntil).toBeGreaterThanOrEqual(Date.parse(String(first.properties.LockedUntilUtc)));
    expect((await fetch(first.url, { method: 'PUT' })).status).toBe(200);
    const second = await lock(at);
    expect(second.properties.DeliveryCount).toBe(2);
    expect((await fetch(`${second.url}?delay=PT1H`, { method: 'PUT' })).status).toBe(200);
    expect((await fetch(`${at}/-/head`, { method: 'POST' })).status).toBe(204);
    await problem(await fetch(`${second.url}?delay=8d`, { method: 'PUT' }), 400, 'bad_parameter');
    await problem(await fetch(second.url, { method: 'POST' }), 410, 'lock_lost');
  });

  it('dead-letters with a reason and brings back', async () => {
    const { at } = await nodeWithQueue();
    await send(at, 'job', { 'content-type': 'text/plain' });
    const held = await lock(at);
    const refused = await fetch(`${held.url}/dead-letter`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"why":1}',
    });
    await problem(refused, 400, 'bad_body');
    const moved = await fetch(`${held.url}/dead-letter`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"reason":"müde"}',
    });
    expect(moved.status).toBe(200);
    expect(await stats(at)).toMatchObject({ depth: 0, deadLettered: 1 });
    const letter = await lock(`${at}/dead-letter`);
    expect(letter.text).toBe('job');
    expect(letter.properties).toMatchObject({ DeadLetterReason: 'müde', DeadLetterSource: NAME });
    await problem(await fetch(`${letter.url}/dead-letter`, { method: 'POST' }), 409, 'not_possible');
    expect((await fetch(letter.url, { method: 'PUT' })).status).toBe(200);
    await problem(await fetch(`${at}/dead-letter/-/redrive`, { method: 'POST' }), 409, 'not_possible');
    const redriven = await fetch(`${at}/-/redrive?limit=5`, { method: 'POST' });
    expect(await json(redriven)).toEqual({ moved: 1 });
    expect((await lock(at)).properties).toMatchObject({
      MessageId: held.properties.MessageId,
      RedriveCount: 1,
    });
  });

  it('takes no messages for its dead letters from outside', async () => {
    const { at } = await nodeWithQueue();
    const refused = await send(`${at}/dead-letter`, 'x');
    await problem(refused, 405, 'method_not_allowed');
  });

  it.each<[string, string, number, 'bad_parameter' | 'too_large' | 'bad_header']>([
    ['a delay that is no duration', '?delay=soon', 400, 'bad_parameter'],
    ['a time to live that is none', '?ttl=PT0S', 400, 'bad_parameter'],
    ['a delay longer than its life', '?delay=10s&ttl=5s', 400, 'bad_parameter'],
  ])('refuses %s', async (_, query, status, code) => {
    const { at } = await nodeWithQueue();
    await problem(await send(at, 'x', {}, query), status, code);
    expect(await stats(at)).toMatchObject({ depth: 0 });
  });

  it('refuses a body above what its policy allows and takes one at the limit', async () => {
    const { at } = await nodeWithQueue({ maxMessageSize: 100_000 });
    expect((await send(at, Buffer.alloc(100_000, 1))).status).toBe(202);
    expect(await problem(await send(at, Buffer.alloc(100_001, 1)), 413, 'too_large')).toMatchObject({
      limit: 100_000,
    });
    expect((await lock(at)).text).toHaveLength(100_000);
  });

  it('answers 429 with Retry-After when it is full', async () => {
    const { at } = await nodeWithQueue({ maxQueueLength: 1 });
    expect((await send(at, 'x')).status).toBe(202);
    const full = await send(at, 'x');
    expect(full.headers.get('retry-after')).toBe('1');
    expect(await problem(full, 429, 'queue_full')).toMatchObject({ limit: 1 });
  });

  it('refuses a wait that is too long, and one that is none', async () => {
    const { at } = await nodeWithQueue();
    for (const timeout of ['61', '-1', 'x'])
      await problem(await fetch(`${at}/-/head?timeout=${timeout}`, { method: 'POST' }), 400, 'bad_parameter');
  });

  it('says which verbs it has', async () => {
    const { at } = await nodeWithQueue();
    const get = await fetch(at);
    await problem(get, 405, 'method_not_allowed');
    expect(get.headers.get('allow')).toBe('OPTIONS, POST');
    await problem(await send(at, 'x', { 'expected-sequence-number': '0' }), 400, 'bad_header');
  });

  it('has the same ids for a batch its producer sends again', async () => {
    const { at } = await nodeWithQueue();
    const producer = { 'producer-id': 'till-3', 'producer-epoch': '0', 'producer-seq': '0' };
    const ids = async () => (await json<{ messageIds: string[] }>(await send(at, 'x', producer))).messageIds;
    expect(await ids()).toEqual(await ids());
  });
});

describe('a consumer that waits', () => {
  it('is answered when a message comes, at whatever node', async () => {
    const { running, at } = await nodeWithQueue();
    const other: RunningNode = await startNode({ leader: running });
    const waiting = [
      fetch(`${at}/-/head?timeout=20`, { method: 'POST' }),
      fetch(`${other.url}/${NAME}/-/head?timeout=20`, { method: 'POST' }),
    ];
    await send(at, 'one');
    await send(`${other.url}/${NAME}`, 'two');
    const got = await Promise.all(waiting);
    expect(got.map(({ status }) => status)).toEqual([201, 201]);
    expect((await Promise.all(got.map((each) => each.text()))).sort()).toEqual(['one', 'two']);
  });

  it('and goes away leaves the message to others', async () => {
    const { running, at } = await nodeWithQueue();
    const gone = new AbortController();
    const waiting = fetch(`${at}/-/head?timeout=30`, { method: 'POST', signal: gone.signal });
    await expect.poll(() => running.node.queues.waiters).toBe(1);
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await expect.poll(() => running.node.queues.waiters).toBe(0);
    await send(at, 'job');
    expect((await lock(at, '?timeout=10')).properties.DeliveryCount).toBe(1);
  });

  it('is let go when the node stops', async () => {
    const { running, at } = await nodeWithQueue();
    const waiting = fetch(`${at}/-/head?timeout=30`, { method: 'POST' });
    await expect.poll(() => running.node.queues.waiters).toBe(1);
    await running.app.close(1000);
    expect((await waiting).status).toBe(204);
  });

  it('of a queue whose readers are counted is passed on to the leader', async () => {
    const { running, at } = await nodeWithQueue({ maxConcurrentReaders: 1 });
    const other = await startNode({ leader: running });
    const there = `${other.url}/${NAME}`;
    await send(there, 'one');
    await send(at, 'two');
    const held = await lock(there);
    expect((await fetch(`${at}/-/head`, { method: 'POST' })).status).toBe(204);
    expect((await fetch(held.url, { method: 'DELETE' })).status).toBe(200);
    expect((await lock(at)).text).toBe('two');
  });
});
