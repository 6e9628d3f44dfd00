import { decodeBatchHeader } from '@message-vault/framing';
import type { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { ClientContext } from '../src/exchange.ts';
import { type ClientOptions, createClient, type PublishResult, type Transport } from '../src/index.ts';
import { LeaderScout } from '../src/leader-scout.ts';
import { toWireMessage } from '../src/messages.ts';
import { NodeDirectory } from '../src/nodes.ts';
import { resolveOptions } from '../src/options.ts';
import { PublishCall } from '../src/publish/call.ts';
import { type ProducerEpochs, producerEpochs } from '../src/publish/identity.ts';
import { StreamPublisher } from '../src/publish/stream-publisher.ts';
import { Pulse } from '../src/pulse.ts';
import { setUp, URLS } from './support/virtual-cluster.ts';

const ID = '0b7e9b1e-50a7-4b8e-9c52-0a8a2f3f1c11';

describe('a fixed producer identity', () => {
  test('a run under the next epoch is never taken for a repeat of the run before, which began new epochs itself', async () => {
    const { runtime, cluster, transport, client } = setUp({}, { producer: { id: ID, epoch: 1 } });
    for (const name of ['first', 'second', 'third'])
      await runtime.run(client.publish(name, `${name} of run 1`));
    await runtime.advance(20 * 60_000);
    await runtime.run(client.publish('third', 'third of run 1, later'));
    const successor = createClient({ urls: URLS, runtime, transport, producer: { id: ID, epoch: 2 } });
    await runtime.run(successor.publish('second', 'second of run 2'));
    await runtime.run(successor.publish('third', 'third of run 2'));
    expect(cluster.stream('second').values).toEqual(['second of run 1', 'second of run 2']);
    expect(cluster.stream('third').values).toEqual([
      'third of run 1',
      'third of run 1, later',
      'third of run 2',
    ]);
  });

  test('the epoch on the wire is the given one times 65,536 plus what the client adds itself', async () => {
    const { runtime, cluster, client } = setUp({}, { producer: { id: ID, epoch: 3 } });
    const epochs: (number | undefined)[] = [];
    cluster.intercept = (_url, { body }) => {
      epochs.push(decodeBatchHeader(body ?? new Uint8Array()).producer?.epoch);
      return undefined;
    };
    await runtime.run(client.publish('orders', 'a'));
    await runtime.run(client.publish('others', 'a'));
    await runtime.advance(20 * 60_000);
    await runtime.run(client.publish('orders', 'b'));
    expect(epochs).toEqual([196_608, 196_608, 196_609]);
  });

  test.each([-1, 0.5, 65_536, Number.NaN])('the epoch %d is refused before anything is sent', (epoch) => {
    const options: ClientOptions = { urls: URLS, producer: { id: ID, epoch } };
    expect(() => createClient(options)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  test('a stream that was forgotten begins above every epoch it may have used', () => {
    const epochs: ProducerEpochs = producerEpochs(ID, 7);
    epochs.beginAt(5);
    epochs.beginAt(2);
    expect(epochs.first).toBe(5);
    expect(epochs.at(epochs.first)).toBe(7 * 65_536 + 5);
  });

  test('a client that has used up its epochs says so and sends nothing, rather than use the next run’s', async () => {
    const epochs = producerEpochs(ID, 7);
    expect(epochs.at(65_535)).toBe(8 * 65_536 - 1);
    expect(epochs.at(65_536)).toBeUndefined();

    const { runtime, cluster, transport } = setUp();
    epochs.beginAt(65_535);
    const stream = streamPublisher(runtime, transport, epochs);
    const publish = async (value: string): Promise<PublishResult> => {
      const messages = [toWireMessage(value)];
      const deadline = runtime.monotonic() + 30_000;
      const request = { stream: 'orders', messages, bytes: 100, largestBytes: 100, deadline };
      const call = new PublishCall({ ...request, expectedSequenceNumber: undefined, query: '' });
      stream.add(call);
      return runtime.run(call.result);
    };
    await publish('a');
    await runtime.advance(20 * 60_000);
    for (const value of ['b', 'c']) {
      await expect(publish(value)).rejects.toMatchObject({
        code: 'producer_fenced',
        outcome: 'not_stored',
        message: expect.stringContaining('higher epoch'),
      });
    }
    expect(cluster.stream('orders').values).toEqual(['a']);
    expect(cluster.arrivals).toHaveLength(1);
  });
});

describe('what is believed of an answer', () => {
  test('an answer for another number of messages is no success, and what follows has a new epoch', async () => {
    const { runtime, cluster, client } = setUp();
    cluster.intercept = (url, request) => {
      cluster.intercept = undefined;
      const answer = { count: 3, firstOffset: 0, nextOffset: 65_536, firstSequenceNumber: 0, timestamp: 1 };
      const { headers } = cluster.problem(url, { status: 200, code: request.method });
      return { status: 200, headers, body: Buffer.from(JSON.stringify(answer)) };
    };
    const published = client.publish('orders', 'a').catch((reason: unknown) => reason);
    expect(await runtime.run(published)).toMatchObject({ code: 'bad_answer', outcome: 'unknown' });
    await runtime.run(client.publish('orders', 'b'));
    expect(cluster.stream('orders').values).toEqual(['b']);
  });

  test('a gap told of while the batch before was late is asked about again before anything is given up', async () => {
    const { runtime, cluster, client } = setUp(
      { latencyMs: () => 20 },
      { maxBatchBytes: 2000, maxInFlight: 3 },
    );
    const seen = new Map<number, number>();
    cluster.intercept = (url, { body }) => {
      const sequence = decodeBatchHeader(body ?? new Uint8Array()).producer?.sequence ?? -1;
      const times = (seen.get(sequence) ?? 0) + 1;
      seen.set(sequence, times);
      // All at first without a word of what came of them; later the third overtakes the second.
      if (times === 1 && sequence < 3) return cluster.problem(url, { status: 503, code: 'outcome_unknown' });
      if (sequence === 2 && times === 2)
        return cluster.problem(url, { status: 409, code: 'producer_gap', expectedProducerSequence: 1 });
      return undefined;
    };
    const values = ['0', '1', '2', '3'].map((value) => value.padEnd(1500));
    await runtime.run(Promise.all(values.map((value) => client.publish('orders', value))));
    expect(cluster.stream('orders').values).toEqual(values);
  });

  test('neither a failing onRetry nor a transport that throws stops a delivery', async () => {
    const { runtime, cluster, transport } = setUp();
    let throws = 2;
    const careless: Transport = {
      send: (request) => {
        if (throws-- > 0) throw new RangeError('no such socket');
        return transport.send(request);
      },
      close: () => Promise.resolve(),
    };
    let told = 0;
    const onRetry = (): void => {
      told += 1;
      throw new Error('the log is full');
    };
    const client = createClient({ urls: URLS, runtime, transport: careless, onRetry });
    await runtime.run(client.publish('orders', 'a'));
    expect(told).toBe(2);
    expect(cluster.stream('orders').values).toEqual(['a']);
  });
});

function streamPublisher(
  runtime: VirtualRuntime,
  transport: Transport,
  producer: ProducerEpochs,
): StreamPublisher {
  const context: ClientContext = {
    runtime,
    transport,
    pulse: new Pulse({ runtime, transport, headers: {} }),
    nodes: new NodeDirectory({ runtime, urls: URLS, followLeader: true }),
    headers: {},
    attemptTimeoutMs: 1000,
    backoff: { initialMs: 25, maxMs: 150 },
    onRetry: () => {},
  };
  const settings = resolveOptions({ urls: URLS });
  return new StreamPublisher({
    stream: 'orders',
    lane: 0,
    context,
    settings,
    producer,
    scout: new LeaderScout(context),
  });
}
