import { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, test } from 'vitest';
import { type ClientOptions, createClient, type PublishResult, VaultClientError } from '../src/index.ts';
import { ModelCluster } from './support/model-cluster.ts';
import { type Link, SimulatedTransport } from './support/simulated-transport.ts';

const URLS = ['http://a.test:7001', 'http://b.test:7002', 'http://c.test:7003'];
const [A = '', B = '', C = ''] = URLS;

function setUp(link: Partial<Link> = {}, options: Partial<ClientOptions> = {}) {
  const runtime = new VirtualRuntime();
  const cluster = new ModelCluster(runtime, URLS);
  cluster.elect(A);
  const transport = new SimulatedTransport(runtime, cluster, link);
  const client = createClient({ urls: URLS, runtime, transport, ...options });
  return { runtime, cluster, transport, client };
}

describe('batching', () => {
  test('calls of one tick travel in one batch, each learning its own place', async () => {
    const { runtime, cluster, client } = setUp();
    const results = await runtime.run(
      Promise.all(['a', 'b', 'c'].map((value) => client.publish('orders', value))),
    );
    expect(cluster.stream('orders').batchSizes).toEqual([3]);
    expect(results.map((result) => result.firstSequenceNumber)).toEqual([0, 1, 2]);
    expect(results.map((result) => result.firstOffset)).toEqual([0, 1, 2]);
    expect(results.map((result) => result.count)).toEqual([1, 1, 1]);
  });

  test('what is published while a batch is under way makes the next batch', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 5 });
    const first = client.publish('orders', 'first');
    await runtime.advance(2);
    const rest = Array.from({ length: 10 }, (_, index) => client.publish('orders', `${index}`));
    await runtime.run(Promise.all([first, ...rest]));
    expect(cluster.stream('orders').batchSizes).toEqual([1, 10]);
  });

  test('64 publishers who each wait for their answer fill batches of 64', async () => {
    const { runtime, cluster, client } = setUp();
    const publisher = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) await client.publish('orders', 'x'.repeat(1024));
    };
    await runtime.run(Promise.all(Array.from({ length: 64 }, publisher)));
    const sizes = cluster.stream('orders').batchSizes;
    expect((64 * 20) / sizes.length).toBeGreaterThanOrEqual(20);
  });

  test('full batches go one behind the other, at most maxInFlight of them, in order', async () => {
    const { runtime, cluster, transport, client } = setUp(
      { latencyMs: () => 20 },
      { maxBatchBytes: 10_000, maxInFlight: 4 },
    );
    const messages = Array.from(
      { length: 200 },
      (_, index) => `${String(index).padStart(4, '0')}${'x'.repeat(996)}`,
    );
    const result = await runtime.run(client.publish('orders', messages));
    expect(cluster.stream('orders').values).toEqual(messages);
    expect(transport.mostOutstanding).toBe(4);
    expect(result).toMatchObject({
      count: 200,
      firstOffset: 0,
      firstSequenceNumber: 0,
      nextOffset: cluster.stream('orders').nextOffset,
    });
    expect(cluster.stream('orders').batchSizes.every((size) => size <= 9)).toBe(true);
  });

  test('with a linger a batch waits for company even when nothing is under way', async () => {
    const { runtime, cluster, client } = setUp({}, { lingerMs: 50 });
    const first = client.publish('orders', 'first');
    await runtime.advance(30);
    const second = client.publish('orders', 'second');
    await runtime.run(Promise.all([first, second]));
    expect(cluster.stream('orders').batchSizes).toEqual([2]);
  });

  test('flush does not wait for the linger', async () => {
    const { runtime, client } = setUp({}, { lingerMs: 60_000 });
    const published = client.publish('orders', 'first');
    await runtime.run(client.flush(), 1000);
    expect((await published).count).toBe(1);
  });

  test('a message larger than an ordinary batch gets a batch of its own', async () => {
    const { runtime, cluster, client } = setUp({}, { maxBatchBytes: 2000 });
    const sizes = [10, 10, 50_000, 10, 60_000, 70_000, 10];
    await runtime.run(
      client.publish(
        'orders',
        sizes.map((size) => 'x'.repeat(size)),
      ),
    );
    expect(cluster.stream('orders').values.map((value) => value.length)).toEqual(sizes);
  });

  test('a message no batch can hold is refused at once and takes nobody along', async () => {
    const { runtime, cluster, client } = setUp();
    const good = client.publish('orders', 'good');
    await expect(client.publish('orders', new Uint8Array(4 * 1024 * 1024))).rejects.toMatchObject({
      code: 'too_large',
    });
    await runtime.run(good);
    expect(cluster.stream('orders').values).toEqual(['good']);
  });

  test('batches compressed with zstd are read as they are', async () => {
    const { runtime, cluster, client } = setUp({}, { codec: 'zstd' });
    await runtime.run(client.publish('orders', ['abc'.repeat(1000), 'def'.repeat(1000)]));
    expect(cluster.arrivals[0]?.bytes).toBeLessThan(1000);
    expect(cluster.stream('orders').values[1]).toBe('def'.repeat(1000));
  });
});

describe('the buffer', () => {
  test('a publish waits for room, and its turn, when the buffer is full', async () => {
    const { runtime, cluster, client } = setUp(
      { latencyMs: () => 10 },
      { maxBufferBytes: 5000, maxBatchBytes: 2000 },
    );
    const published = Array.from({ length: 30 }, (_, index) =>
      client.publish('orders', `${index} `.padEnd(1000)),
    );
    await runtime.run(Promise.all(published));
    expect(cluster.stream('orders').values.map((value) => Number(value))).toEqual(
      Array.from({ length: 30 }, (_, index) => index),
    );
  });

  test('a publish is refused when the buffer is full and the option says so', async () => {
    const { runtime, client } = setUp({}, { maxBufferBytes: 2500, whenBufferFull: 'reject' });
    const taken = [client.publish('orders', 'x'.repeat(1000)), client.publish('orders', 'x'.repeat(1000))];
    const refused = await client.publish('orders', 'x'.repeat(1000)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'buffer_full', outcome: 'not_stored' });
    await runtime.run(Promise.all(taken));
    await runtime.run(client.publish('orders', 'x'.repeat(1000)));
  });

  test('a call larger than the buffer goes through by itself', async () => {
    const { runtime, cluster, client } = setUp({}, { maxBufferBytes: 1000, maxBatchBytes: 2000 });
    const large = client.publish(
      'orders',
      Array.from({ length: 10 }, () => 'x'.repeat(1000)),
    );
    const small = client.publish('orders', 'small');
    await runtime.run(Promise.all([large, small]));
    expect(cluster.stream('orders').values).toHaveLength(11);
    expect(cluster.stream('orders').values.at(-1)).toBe('small');
  });

  test('whoever leaves the line makes room for the next', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 50 }, { maxBufferBytes: 1500 });
    const controller = new AbortController();
    const first = client.publish('orders', 'a'.repeat(1000));
    const second = client.publish('orders', 'b'.repeat(1000), { signal: controller.signal });
    const third = client.publish('orders', 'c'.repeat(1000));
    controller.abort(new Error('changed my mind'));
    await expect(second).rejects.toMatchObject({ code: 'aborted', outcome: 'not_stored' });
    await runtime.run(Promise.all([first, third]));
    expect(cluster.stream('orders').values.map((value) => value[0])).toEqual(['a', 'c']);
  });
});

describe('failover', () => {
  test('the leader is learnt from the headers of a follower and published to directly', async () => {
    const { runtime, cluster, client } = setUp();
    cluster.elect(C);
    await runtime.run(client.publish('orders', 'first'));
    await runtime.run(client.publish('orders', 'second'));
    expect(cluster.arrivals.map(({ url }) => url)).toEqual([A, C]);
  });

  test('when the leader dies in the middle of many publishes, every message is stored once and in order', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 3 });
    const results: Promise<PublishResult>[] = [];
    const publishing = (async () => {
      for (let turn = 0; turn < 300; turn += 1) {
        results.push(client.publish('orders', `${turn}`));
        await runtimeSleep(runtime, 1);
      }
    })();
    runtime.setTimer(100, () => {
      cluster.node(A).up = false;
      cluster.leader = null;
    });
    runtime.setTimer(700, () => cluster.elect(B));
    await runtime.run(publishing);
    await runtime.run(Promise.all(results));
    expect(cluster.stream('orders').values).toEqual(Array.from({ length: 300 }, (_, index) => `${index}`));
  });

  test('publishing goes on within 200 ms of the new leader taking over', async () => {
    const { runtime, cluster, client } = setUp();
    await runtime.run(client.publish('orders', 'before'));
    cluster.node(A).up = false;
    cluster.leader = null;
    runtime.setTimer(900, () => cluster.elect(C));
    const startedAt = runtime.monotonic();
    await runtime.run(client.publish('orders', 'after'));
    expect(runtime.monotonic() - startedAt).toBeLessThan(1100);
  });

  test('a frozen leader is left as soon as another node names a newer one, long before any time-out', async () => {
    const { runtime, cluster, client } = setUp({}, { attemptTimeoutMs: 60_000 });
    await runtime.run(client.publish('orders', 'before'));
    cluster.node(A).frozen = true;
    runtime.setTimer(800, () => cluster.elect(B));
    const startedAt = runtime.monotonic();
    await runtime.run(client.publish('orders', 'during'));
    expect(runtime.monotonic() - startedAt).toBeLessThan(1100);
    // What the old leader had in its sockets comes out when it thaws, and is recognised.
    cluster.node(A).frozen = false;
    await runtime.advance(1000);
    expect(cluster.stream('orders').values).toEqual(['before', 'during']);
  });

  test('while nobody leads, only the oldest of many batches is tried, now here, now there', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 2 }, { maxBatchBytes: 10_000 });
    await runtime.run(client.publish('orders', 'first'));
    cluster.leader = null;
    const before = cluster.arrivals.length;
    const published = client.publish(
      'orders',
      Array.from({ length: 40 }, () => 'x'.repeat(1000)),
    );
    await runtime.advance(2000);
    const tries = cluster.arrivals.slice(before);
    expect(tries.slice(0, 4).map(({ url }) => url)).toEqual([A, A, A, A]);
    // Four at once in the beginning; then one at a time, some 120 ms apart.
    expect(tries.length).toBeLessThan(4 + 2000 / 75 + 3);
    expect(new Set(tries.map(({ url }) => url))).toEqual(new Set(URLS));
    cluster.elect(B);
    expect((await runtime.run(published)).count).toBe(40);
  });

  test('a slow leader that still leads is waited for, not sent the batch again', async () => {
    const { runtime, cluster, transport, client } = setUp();
    cluster.node(A).frozen = true;
    runtime.setTimer(3000, () => {
      cluster.node(A).frozen = false;
    });
    await runtime.run(client.publish('orders', 'patience'));
    expect(cluster.arrivals).toHaveLength(1);
    expect(transport.mostOutstanding).toBe(1);
  });

  test('an old leader that is named by a node left behind is not gone back to', async () => {
    const { runtime, cluster, client } = setUp();
    await runtime.run(client.publish('orders', 'first'));
    cluster.elect(B);
    cluster.node(C).believes = { url: A, nodeId: 'node-1', epoch: 1 };
    await runtime.run(client.publish('orders', 'second'));
    await runtime.run(client.stats('orders'));
    await runtime.run(client.stats('orders'));
    await runtime.run(client.publish('orders', 'third'));
    expect(cluster.arrivals.at(-1)?.url).toBe(B);
  });
});

describe('what is known when the time is up', () => {
  test('no connection to anybody: certainly not stored', async () => {
    const { runtime, client } = setUp({ fault: () => 'refuse' }, { deliveryTimeoutMs: 2000 });
    const error = await runtime.run(client.publish('orders', 'lost').catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: 'not_delivered', outcome: 'not_stored' });
    expect(runtime.monotonic()).toBeLessThan(3000);
  });

  test('sent, and nobody ever answered: not known', async () => {
    const { runtime, cluster, client } = setUp({ fault: () => 'lose-answer' }, { deliveryTimeoutMs: 2000 });
    const error = await runtime.run(client.publish('orders', 'perhaps').catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' });
    expect(cluster.stream('orders').values).toEqual(['perhaps']);
  });

  test('the nodes said no every time: certainly not stored', async () => {
    const { runtime, cluster, client } = setUp({}, { deliveryTimeoutMs: 2000 });
    cluster.leader = null;
    const error = await runtime.run(client.publish('orders', 'no').catch((reason: unknown) => reason));
    expect(error).toMatchObject({
      code: 'not_delivered',
      status: 503,
      problem: { code: 'leader_unreachable' },
    });
  });

  test('an array of which part was stored says how much', async () => {
    const { runtime, cluster, client } = setUp(
      {},
      { maxBatchBytes: 2000, deliveryTimeoutMs: 2000, maxInFlight: 1 },
    );
    cluster.intercept = (url) =>
      cluster.stream('orders').values.length < 2
        ? undefined
        : cluster.problem(url, { status: 503, code: 'storage_unavailable' });
    const messages = Array.from({ length: 6 }, () => 'x'.repeat(900));
    const error = await runtime.run(client.publish('orders', messages).catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: 'not_delivered', acknowledged: 2 });
  });

  test('what comes after a failed publish is stored, in order', async () => {
    let broken = true;
    const { runtime, cluster, client } = setUp(
      { fault: () => (broken ? 'lose-request' : 'none') },
      { deliveryTimeoutMs: 1000, attemptTimeoutMs: 400 },
    );
    const failed = await runtime.run(client.publish('orders', 'lost').catch((reason: unknown) => reason));
    expect(failed).toMatchObject({ code: 'outcome_unknown' });
    broken = false;
    const after = ['one', 'two', 'three'].map((value) => client.publish('orders', value));
    await runtime.run(Promise.all(after));
    expect(cluster.stream('orders').values).toEqual(['one', 'two', 'three']);
  });
});

describe('refusals', () => {
  test('one bad message fails alone, not the batch it shared', async () => {
    const { runtime, cluster, client } = setUp();
    cluster.intercept = (url, request) =>
      Buffer.from(request.body ?? []).includes('poison')
        ? cluster.problem(url, { status: 413, code: 'too_large' })
        : undefined;
    const values = ['a', 'b', 'poison', 'c', 'd', 'e', 'f'];
    const settled = await runtime.run(
      Promise.allSettled(values.map((value) => client.publish('orders', value))),
    );
    expect(settled.map(({ status }) => status)).toEqual(
      values.map((value) => (value === 'poison' ? 'rejected' : 'fulfilled')),
    );
    expect(settled[2]).toMatchObject({ reason: { code: 'too_large', outcome: 'not_stored' } });
    expect(cluster.stream('orders').values).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('a refused batch does not stop those pipelined behind it', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 20 }, { maxBatchBytes: 2000 });
    cluster.intercept = (url, request) =>
      Buffer.from(request.body ?? []).includes('poison')
        ? cluster.problem(url, { status: 400, code: 'bad_batch' })
        : undefined;
    const values = ['0', '1', 'poison', '3', '4', '5', '6', '7'].map((value) => value.padEnd(1500));
    const settled = await runtime.run(
      Promise.allSettled(values.map((value) => client.publish('orders', value))),
    );
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(cluster.stream('orders').values.map((value) => value.trim())).toEqual([
      '0',
      '1',
      '3',
      '4',
      '5',
      '6',
      '7',
    ]);
  });

  test('who is not allowed is told so at once, without repeats', async () => {
    const { runtime, cluster, client } = setUp();
    cluster.intercept = (url) => cluster.problem(url, { status: 401, code: 'unauthorized' });
    const settled = await runtime.run(
      Promise.allSettled([client.publish('orders', 'a'), client.publish('orders', 'b')]),
    );
    expect(settled).toMatchObject([
      { reason: { code: 'unauthorized', outcome: 'not_stored' } },
      { reason: { code: 'unauthorized' } },
    ]);
    expect(cluster.arrivals).toHaveLength(1);
  });

  test('compare-and-append: the loser learns the real sequence number', async () => {
    const { runtime, cluster, client } = setUp();
    const settled = await runtime.run(
      Promise.allSettled([
        client.publish('orders', 'first', { expectedSequenceNumber: 0 }),
        client.publish('orders', 'second', { expectedSequenceNumber: 0 }),
        client.publish('orders', 'third', { expectedSequenceNumber: 1 }),
      ]),
    );
    expect(settled).toMatchObject([
      { status: 'fulfilled' },
      { reason: { code: 'sequence_mismatch', expectedSequenceNumber: 1, outcome: 'not_stored' } },
      { status: 'fulfilled' },
    ]);
    expect(cluster.stream('orders').values).toEqual(['first', 'third']);
  });

  test('a newer epoch of the same producer id shuts the older client out for good', async () => {
    const { runtime, cluster, transport, client } = setUp(
      {},
      { producer: { id: '0b7e9b1e-50a7-4b8e-9c52-0a8a2f3f1c11', epoch: 3 } },
    );
    await runtime.run(client.publish('orders', 'old'));
    const successor = createClient({
      urls: URLS,
      runtime,
      transport,
      producer: { id: '0b7e9b1e-50a7-4b8e-9c52-0a8a2f3f1c11', epoch: 4 },
    });
    await runtime.run(successor.publish('orders', 'new'));
    const errors = await runtime.run(
      Promise.allSettled([client.publish('orders', 'late'), client.publish('orders', 'later')]),
    );
    expect(errors).toMatchObject([
      { reason: { code: 'producer_fenced' } },
      { reason: { code: 'producer_fenced' } },
    ]);
    await expect(client.publish('orders', 'again')).rejects.toMatchObject({ code: 'producer_fenced' });
    expect(cluster.stream('orders').values).toEqual(['old', 'new']);
  });
});

describe('identity', () => {
  test('an answer lost on the way back is asked for again and nothing is stored twice', async () => {
    let faults = 3;
    const { runtime, cluster, client } = setUp(
      { fault: ({ method }) => (method === 'POST' && faults-- > 0 ? 'lose-answer' : 'none') },
      { attemptTimeoutMs: 300 },
    );
    const result = await runtime.run(client.publish('orders', 'once'));
    expect(result.firstSequenceNumber).toBe(0);
    expect(cluster.stream('orders').values).toEqual(['once']);
    expect(cluster.arrivals).toHaveLength(4);
  });

  test('a producer the leader has forgotten begins a new epoch and loses nothing', async () => {
    const { runtime, cluster, client } = setUp();
    await runtime.run(client.publish('orders', 'a'));
    await runtime.run(client.publish('orders', 'b'));
    cluster.stream('orders').forgetProducers();
    await runtime.run(Promise.all([client.publish('orders', 'c'), client.publish('orders', 'd')]));
    expect(cluster.stream('orders').values).toEqual(['a', 'b', 'c', 'd']);
  });

  test('after a long silence a new epoch is begun without being asked to', async () => {
    const { runtime, cluster, client } = setUp();
    await runtime.run(client.publish('orders', 'a'));
    await runtime.run(client.publish('orders', 'b'));
    await runtime.advance(20 * 60_000);
    cluster.stream('orders').forgetProducers();
    await runtime.run(client.publish('orders', 'c'));
    expect(cluster.stream('orders').values).toEqual(['a', 'b', 'c']);
    expect(cluster.arrivals).toHaveLength(3);
  });

  test('a batch that may be stored already is not given a new identity when the leader has forgotten its producer', async () => {
    let lose = false;
    const { runtime, cluster, client } = setUp(
      { fault: () => (lose ? 'lose-answer' : 'none') },
      { attemptTimeoutMs: 200 },
    );
    await runtime.run(client.publish('orders', 'a'));
    lose = true;
    const published = client.publish('orders', 'b').catch((reason: unknown) => reason);
    await runtime.advance(100);
    lose = false;
    cluster.stream('orders').forgetProducers();
    expect(await runtime.run(published)).toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' });
    expect(cluster.stream('orders').values).toEqual(['a', 'b']);
  });
});

describe('giving up and closing', () => {
  test('a publish aborted while it waits is not stored', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 50 });
    const controller = new AbortController();
    const first = client.publish('orders', 'first');
    await runtime.advance(10);
    const second = client.publish('orders', 'second', { signal: controller.signal });
    await runtime.advance(10);
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'aborted', outcome: 'not_stored' });
    await runtime.run(first);
    await runtime.run(client.publish('orders', 'third'));
    expect(cluster.stream('orders').values).toEqual(['first', 'third']);
  });

  test('a publish aborted on its way says that nothing is known', async () => {
    const { runtime, client } = setUp({ latencyMs: () => 50 });
    const controller = new AbortController();
    const published = client.publish('orders', 'first', { signal: controller.signal });
    await runtime.advance(10);
    controller.abort();
    await expect(published).rejects.toMatchObject({ code: 'aborted', outcome: 'unknown' });
  });

  test('close waits for what is under way and takes nothing more', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 50 });
    const published = client.publish('orders', 'last words');
    const closed = runtime.run(client.close());
    await expect(client.publish('orders', 'too late')).rejects.toMatchObject({ code: 'closed' });
    await closed;
    expect((await published).count).toBe(1);
    expect(cluster.stream('orders').values).toEqual(['last words']);
  });

  test('arguments that make no sense are refused before anything is sent', async () => {
    const { transport, client } = setUp();
    for (const bad of ['', 'a//b', '../etc', '-', 'x'.repeat(600)]) {
      await expect(client.publish(bad, 'x')).rejects.toMatchObject({ code: 'invalid_argument' });
    }
    await expect(client.publish('orders', [])).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(client.publish('orders', { value: 'x', key: 'k'.repeat(2000) })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await expect(client.publish('orders', { value: 'x', headers: { '': 'y' } })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect(() => createClient({ urls: [] })).toThrow(VaultClientError);
    expect(() => createClient({ urls: ['ftp://x'] })).toThrow(VaultClientError);
    expect(() => createClient({ urls: URLS, maxInFlight: 9 })).toThrow(/maxInFlight/);
    expect(transport.sent).toBe(0);
  });
});

function runtimeSleep(runtime: VirtualRuntime, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    runtime.setTimer(delayMs, resolve);
  });
}
