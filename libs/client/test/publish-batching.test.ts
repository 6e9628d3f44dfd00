import { describe, expect, test } from 'vitest';
import { setUp } from './support/virtual-cluster.ts';

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

  test('a call that fits a batch is never torn apart to fill up another', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 20 }, { maxBatchBytes: 10_000 });
    const call = (letter: string): Promise<unknown> =>
      client.publish('orders', Array<string>(6).fill(letter.repeat(1000)));
    await runtime.run(Promise.all([call('a'), call('b'), call('c'), call('d')]));
    expect(cluster.stream('orders').batchSizes).toEqual([6, 6, 6, 6]);
  });

  test('what is left of a call larger than a batch goes with others', async () => {
    const { runtime, cluster, client } = setUp({ latencyMs: () => 20 }, { maxBatchBytes: 10_000 });
    const call = (count: number): Promise<unknown> =>
      client.publish('orders', Array<string>(count).fill('x'.repeat(1000)));
    await runtime.run(Promise.all([call(12), call(3), call(20)]));
    expect(cluster.stream('orders').batchSizes).toEqual([9, 9, 9, 8]);
  });

  test('calls that leave no room for another message go one behind the other, without waiting to be joined', async () => {
    const { runtime, transport, client } = setUp({ latencyMs: () => 20 }, { maxBatchBytes: 10_000 });
    const call = (): Promise<unknown> => client.publish('orders', Array<string>(9).fill('x'.repeat(1000)));
    await runtime.run(Promise.all([call(), call(), call()]));
    expect(transport.mostOutstanding).toBe(3);
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
