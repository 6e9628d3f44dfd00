import { describe, expect, test } from 'vitest';
import { createClient, VaultClientError } from '../src/index.ts';
import { setUp, URLS } from './support/virtual-cluster.ts';

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
      await expect(client.publish(bad, 'x')).rejects.toMatchObject({
        code: 'invalid_argument',
        outcome: 'not_stored',
      });
    }
    await expect(client.publish('orders', [])).rejects.toMatchObject({
      code: 'invalid_argument',
      outcome: 'not_stored',
    });
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
