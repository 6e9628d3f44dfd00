import type { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { PublishResult } from '../src/index.ts';
import { A, B, C, setUp, URLS } from './support/virtual-cluster.ts';

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

function runtimeSleep(runtime: VirtualRuntime, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    runtime.setTimer(delayMs, resolve);
  });
}
