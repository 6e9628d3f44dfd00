import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type ClientOptions, createClient, isVaultClientError } from '../src/index.ts';
import { BusPeer } from './support/bus-peer.ts';
import { deadUrl } from './support/http-peer.ts';

async function setUp(options: Partial<ClientOptions> = {}) {
  const peer = await BusPeer.start();
  const client = createClient({ urls: [peer.url], ...options });
  onTestFinished(async () => {
    await client.close();
    await peer[Symbol.asyncDispose]();
  });
  return { peer, client, queue: client.queue('shop/orders') };
}

const job = (id: string, more: object = { value: { id } }) => ({ id, key: null, headers: {}, ...more });

test('a message is received as it was sent, to the last digit of a number no double can hold', async () => {
  const { peer, queue } = await setUp();
  const headers = { type: 'order', trace: ['a', 'b'] };
  peer.put(job('1', { key: 'k', headers, valueText: 'grüß' }), job('2', { valueBase64: '//4=' }));
  peer.instead = (request, response) => {
    if (!request.url?.includes('/head') || peer.messages.some(({ gone }) => !gone)) return false;
    const body =
      '{"id":"3","key":null,"deliveryCount":1,"headers":{"value":"x"},"value":{"n":12345678901234567890, "s":"\\"]}"},"lock":{"id":"l","until":"2026-11-20T00:00:00Z"}}';
    response.writeHead(201, { 'content-type': 'application/json' }).end(body);
    return true;
  };
  const first = await queue.receive();
  expect(first).toMatchObject({ id: '1', key: 'k', kind: 'text', deliveryCount: 1 });
  expect(first?.text()).toBe('grüß');
  expect(first?.headers).toEqual([
    ['type', 'order'],
    ['trace', 'a'],
    ['trace', 'b'],
  ]);
  await first?.lock.acknowledge();
  const second = await queue.take();
  expect(second?.value).toEqual(Buffer.of(0xff, 0xfe));
  const third = await queue.receive();
  expect(third).toMatchObject({ kind: 'json', key: undefined });
  expect(third?.text()).toBe('{"n":12345678901234567890, "s":"\\"]}"}');
});

test('a look at the head keeps each value with its message, and refuses an answer that is no list', async () => {
  const { peer, queue } = await setUp({ giveUpAfterMs: 0 });
  const [one, two] = ['{"id":"1","deliveryCount":0,"value":1.0}', '{"id":"2","deliveryCount":0,"value":2e0}'];
  let answer = `{"messages":[null,${one},7,${two}]}`;
  peer.instead = (request, response) => {
    if (!request.url?.includes('/head')) return false;
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    return true;
  };
  const texts = (await queue.peek()).map((message) => [message.id, message.text()]);
  expect(texts).toEqual([
    ['1', '1.0'],
    ['2', '2e0'],
  ]);
  answer = `{"messages":${one}}`;
  await expect(queue.peek()).rejects.toMatchObject({ code: 'bad_answer' });
});

test('an empty queue gives nothing; a lock is renewed, given back for later and settled once', async () => {
  const { peer, queue } = await setUp();
  expect(await queue.receive()).toBeUndefined();
  peer.put(job('1'));
  const taken = await queue.receive();
  expect(taken?.lock.remainingMs).toBeGreaterThan(50_000);
  await taken?.lock.renew();
  await taken?.lock.release({ delayMs: 1500 });
  expect(peer.messages[0]?.releasedFor).toEqual(['PT1.5S']);
  await expect(taken?.lock.acknowledge()).rejects.toMatchObject({ code: 'lock_lost', status: 410 });
  const again = await queue.receive();
  expect(again).toMatchObject({ id: '1', deliveryCount: 2 });
  await again?.lock.deadLetter('not an order');
  expect(peer.deadLettered).toEqual([{ id: '1', reason: 'not an order' }]);
});

test('an acknowledgement whose answer was lost counts when the repeat finds the lock gone in time', async () => {
  const { peer, queue } = await setUp();
  peer.put(job('1'));
  const taken = await queue.receive();
  let lost = false;
  peer.instead = (request) => {
    if (request.method !== 'DELETE' || lost) return false;
    lost = true;
    const held = peer.messages[0];
    if (held !== undefined) held.gone = true;
    request.socket.destroy();
    return true;
  };
  await taken?.lock.acknowledge();
  expect(peer.requests.filter((request) => request.startsWith('DELETE'))).toHaveLength(2);
});

test('a dead-lettering whose answer was lost is not taken for done: the node may have died while it moved the message', async () => {
  const { peer, queue } = await setUp();
  peer.put(job('1'));
  const taken = await queue.receive();
  let isLost = false;
  peer.instead = (request) => {
    if (isLost || request.method !== 'POST') return false;
    isLost = true;
    const held = peer.messages[0];
    if (held !== undefined) held.gone = true;
    request.socket.destroy();
    return true;
  };
  await expect(taken?.lock.deadLetter('no order')).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(taken?.lock.settled).toBe(false);
});

test('an acknowledgement is not taken for done when a renewal that nobody answered may be why it is refused', async () => {
  const { peer, queue } = await setUp();
  peer.put(job('1'));
  const taken = await queue.receive();
  const broken = new Set<string>();
  peer.instead = (request) => {
    const { method = '' } = request;
    if (broken.has(method)) return false;
    broken.add(method);
    // Renewed, but the node dies before it has told anybody by what the lock is known now.
    const held = peer.messages[0];
    if (method === 'POST' && held !== undefined) held.lock = { id: 'renewed', until: Date.now() + 60_000 };
    request.socket.destroy();
    return true;
  };
  await expect(taken?.lock.renew()).rejects.toMatchObject({ code: 'outcome_unknown' });
  await expect(taken?.lock.acknowledge()).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(taken?.lock.settled).toBe(false);
  expect(peer.acknowledged).toEqual([]);
});

test('a message is settled when a renewal under way has ended, and not beside it', async () => {
  const { peer, client, queue } = await setUp();
  peer.put(job('1'));
  const taken = await queue.receive();
  const renewing = Promise.withResolvers<() => void>();
  peer.instead = (request, response) => {
    if (request.method !== 'POST') return false;
    const lockedUntil = new Date(Date.now() + 60_000).toISOString();
    renewing.resolve(() => peer.answer(response, 200, { lockedUntil }));
    return true;
  };
  const renewed = taken?.lock.renew();
  const acknowledged = taken?.lock.acknowledge();
  const answer = await renewing.promise;
  // What was asked before this has been heard, too.
  await client.name('shop/orders').stats();
  expect(peer.requests.filter((request) => request.startsWith('DELETE'))).toEqual([]);
  answer();
  await Promise.all([renewed, acknowledged]);
  expect(peer.acknowledged).toEqual(['1']);
});

test('what is taken without a lock is not taken twice for want of an answer', async () => {
  const { peer, queue } = await setUp();
  peer.put(job('1'), job('2'));
  peer.instead = (request) => {
    if (request.method !== 'DELETE') return false;
    request.socket.destroy();
    return true;
  };
  await expect(queue.take()).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(peer.requests).toHaveLength(1);
});

test('any node will do', async () => {
  const peer = await BusPeer.start();
  await using client = createClient({ urls: [await deadUrl(), await deadUrl(), peer.url] });
  peer.put(job('1'));
  expect(await client.queue('q').receive({ waitSeconds: 5 })).toMatchObject({ id: '1' });
  await peer[Symbol.asyncDispose]();
});

test('a consumer acknowledges what it is through with, many at a time, and asks once while there is nothing', async () => {
  const { peer, queue } = await setUp();
  const stop = new AbortController();
  const seen: string[] = [];
  const all = Promise.withResolvers<void>();
  const done = queue.consume(
    ({ id }) => {
      seen.push(id);
      if (seen.length === 50) all.resolve();
    },
    { concurrency: 8, signal: stop.signal },
  );
  peer.put(...Array.from({ length: 50 }, (_, index) => job(`m${index}`)));
  await all.promise;
  stop.abort();
  await done;
  expect(new Set(seen).size).toBe(50);
  expect(peer.acknowledged.toSorted()).toEqual(seen.toSorted());
});

test('a message whose handler throws is given back, for longer each time, and told of', async () => {
  const { peer, queue } = await setUp();
  peer.put(job('1'));
  const stop = new AbortController();
  const problems: unknown[] = [];
  await queue.consume(
    ({ deliveryCount }) => {
      if (deliveryCount < 3) throw new Error('not yet');
      stop.abort();
    },
    { signal: stop.signal, retryInitialMs: 4000, onProblem: (problem) => problems.push(problem) },
  );
  expect(problems).toMatchObject([
    { kind: 'handler_failed', error: { message: 'not yet' } },
    { kind: 'handler_failed', error: { message: 'not yet' } },
  ]);
  const [first = '', second = ''] = peer.messages[0]?.releasedFor.map(String) ?? [];
  expect(Number(first.slice(2, -1))).toBeGreaterThanOrEqual(2);
  expect(Number(first.slice(2, -1))).toBeLessThanOrEqual(4);
  expect(Number(second.slice(2, -1))).toBeGreaterThanOrEqual(4);
  expect(peer.acknowledged).toEqual(['1']);
});

test('a lock is renewed for as long as the handler runs', async () => {
  const { peer, queue } = await setUp();
  peer.lockMs = 2000;
  peer.put(job('1'));
  const stop = new AbortController();
  await queue.consume(
    async (_message, { signal }) => {
      while (peer.requests.filter((request) => request.startsWith('POST /shop/orders/-/locks')).length < 4)
        await sleep(10, undefined, { signal });
      expect(signal.aborted).toBe(false);
      stop.abort();
    },
    { signal: stop.signal },
  );
  expect(peer.acknowledged).toEqual(['1']);
});

test('a handler is told when its lock is lost, and its result is not acknowledged', async () => {
  const { peer, queue } = await setUp();
  peer.lockMs = 300;
  peer.put(job('1'));
  const stop = new AbortController();
  const problems: { kind: string; error: unknown }[] = [];
  await queue.consume(
    async (_message, { signal }) => {
      const [held] = peer.messages;
      // Somebody else has it.
      if (held !== undefined) held.lock = { id: 'foreign', until: Date.now() + 60_000 };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      expect(isVaultClientError(signal.reason, 'lock_lost')).toBe(true);
      stop.abort();
    },
    { signal: stop.signal, onProblem: (problem) => problems.push(problem) },
  );
  expect(problems).toMatchObject([{ kind: 'lock_lost', error: { code: 'lock_lost' } }]);
  expect(peer.requests.filter((request) => request.startsWith('DELETE'))).toEqual([]);
});

test('a lock nobody can renew is lost when its time is up here, though no node says so', async () => {
  const { peer, queue } = await setUp({ attemptTimeoutMs: 100 });
  peer.lockMs = 400;
  peer.put(job('1'));
  const stop = new AbortController();
  const reasons: unknown[] = [];
  await queue.consume(
    async (_message, { signal }) => {
      peer.instead = (request) => {
        request.socket.destroy();
        return true;
      };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      reasons.push(signal.reason);
      stop.abort();
    },
    { signal: stop.signal, onProblem: () => {} },
  );
  expect(reasons).toMatchObject([{ code: 'lock_lost' }]);
});

test('a handler may settle its message itself', async () => {
  const { peer, queue } = await setUp();
  peer.put(job('1'));
  const stop = new AbortController();
  await queue.consume(
    async ({ lock }) => {
      await lock.deadLetter('no order');
      stop.abort();
    },
    { signal: stop.signal },
  );
  expect(peer.deadLettered).toMatchObject([{ id: '1' }]);
  expect(peer.requests.filter((request) => request.startsWith('DELETE'))).toEqual([]);
});

test('a consumer ends with an error when the name is no queue', async () => {
  const { peer, queue } = await setUp();
  peer.instead = (_request, response) => {
    peer.answer(response, 404, { code: 'no_such_name', status: 404 });
    return true;
  };
  await expect(queue.consume(() => {}, { concurrency: 3 })).rejects.toMatchObject({ code: 'not_found' });
});

test('a consumer goes on after an outage', async () => {
  const { peer, queue } = await setUp({ giveUpAfterMs: 0 });
  peer.put(job('1'));
  let failures = 0;
  peer.instead = (request) => {
    if (!request.url?.includes('/head') || failures === 3) return false;
    failures += 1;
    request.socket.destroy();
    return true;
  };
  const stop = new AbortController();
  await queue.consume(() => stop.abort(), { signal: stop.signal });
  expect(peer.acknowledged).toEqual(['1']);
});
