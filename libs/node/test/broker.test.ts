import { checkBatch, encodeBatch, type ProducerIdentity } from '@message-vault/framing';
import { encodeLeaderDocument, LEADER_PATH } from '@message-vault/metadata';
import { sleep } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { type Fault, faultyStorage, memoryStorage } from '@message-vault/storage';
import { createMetrics, silentLogger } from '@message-vault/telemetry';
import { inProcessWakeup } from '@message-vault/wakeup';
import { expect, test } from 'vitest';
import { Broker, parseNodeConfig } from '../src/index.ts';

/** A broker on virtual time whose storage fails as `weather.fault` says. */
function brokerOf(app: 'master' | 'reader') {
  const runtime = new VirtualRuntime();
  const weather: { fault: Fault | undefined } = { fault: undefined };
  const inner = memoryStorage({ runtime });
  const storage = faultyStorage(inner, () => weather.fault, { runtime });
  const broker = new Broker({
    config: parseNodeConfig({ app, nodeId: 'n', port: 1, storage: 's' }),
    runtime,
    storage,
    wakeup: inProcessWakeup({ logger: silentLogger }),
    peers: {
      probe: async () => ({ ok: false, failure: 'refused' }),
      askWitness: async () => 'no_answer',
      notify: async () => false,
      forward: () => Promise.reject(new Error('nobody to forward to')),
    },
    logger: silentLogger,
    metrics: createMetrics({ nodeId: 'n', processMetrics: false }),
  });
  return { runtime, broker, weather, inner };
}

function publishTo(broker: Broker, options: { producer?: ProducerIdentity; expected?: number } = {}) {
  const batch = encodeBatch({
    messages: [{ value: Buffer.from('x'), kind: 'text', headers: [] }],
    ...(options.producer === undefined ? {} : { producer: options.producer }),
  });
  const expectedSequenceNumber = options.expected;
  return broker.publish({ name: 'orders', batch, header: checkBatch(batch), expectedSequenceNumber });
}

const leader = encodeLeaderDocument({ version: 1, epoch: 7, nodeId: 'm', url: 'http://m', since: 0 });

test('a reader knows who leads by the time it is ready, and hears of a change when it is asked anything', async () => {
  const { runtime, broker, inner } = brokerOf('reader');
  const { etag } = await inner.documents.put(LEADER_PATH, leader, { ifAbsent: true });
  expect(broker.ready().ready).toBe(false);
  broker.start('http://r');
  await runtime.advance(10);
  expect(broker.ready()).toEqual({ ready: true });
  expect(broker.status()).toMatchObject({ role: 'reading', epoch: 7, leader: { url: 'http://m' } });
  const next = encodeLeaderDocument({ version: 1, epoch: 8, nodeId: 's', url: 'http://s', since: 0 });
  await inner.documents.put(LEADER_PATH, next, { ifMatch: etag });
  await runtime.advance(6000);
  broker.status();
  await runtime.advance(10);
  expect(broker.status()).toMatchObject({ epoch: 8, leader: { url: 'http://s' } });
});

test('a reader that nobody asks anything calls nobody', async () => {
  const { runtime, broker, inner } = brokerOf('reader');
  let looks = 0;
  const get = inner.documents.get;
  inner.documents.get = (...args) => {
    looks += 1;
    return get.apply(inner.documents, args);
  };
  broker.start('http://r');
  await runtime.advance(600_000);
  expect(looks).toBe(1);
});

test.each<[string, Fault]>([
  ['refuses everything', { kind: 'refuse', code: 'unavailable' }],
  ['says nothing at all', { kind: 'hang', applied: false }],
])('a reader whose storage %s is not ready, and is ready again when it answers', async (_, fault) => {
  const { runtime, broker, weather } = brokerOf('reader');
  broker.start('http://r');
  await runtime.advance(10);
  weather.fault = fault;
  const reading = broker.lookup('orders').catch(() => undefined);
  await runtime.advance(1000);
  expect(broker.ready()).toEqual({ ready: true });
  for (let second = 0; second < 9; second++) {
    broker.status();
    await runtime.advance(1000);
  }
  expect(broker.ready()).toMatchObject({ ready: false, reason: 'the storage does not answer' });
  weather.fault = undefined;
  void broker.lookup('others');
  await runtime.advance(2000);
  expect(broker.ready()).toEqual({ ready: true });
  void reading;
});

test('asked about the cluster while the storage is silent, a reader answers in time with what it knows', async () => {
  const { runtime, broker, weather, inner } = brokerOf('reader');
  await inner.documents.put(LEADER_PATH, leader, { ifAbsent: true });
  broker.start('http://r');
  await runtime.advance(5000);
  weather.fault = { kind: 'hang', applied: false };
  const startedAt = runtime.monotonic();
  const view = await runtime.run(broker.cluster());
  expect(view.leader).toMatchObject({ epoch: 7 });
  expect(runtime.monotonic() - startedAt).toBeLessThan(1500);
});

test.each([
  ['expects another sequence number', { expected: 5 }, 'sequence_mismatch'],
  [
    'misses a batch before it',
    { producer: { id: '22222222-2222-4222-8222-222222222222', epoch: 0, sequence: 3 } },
    'producer_gap',
  ],
])('a publish that %s is refused and gives the name no role', async (_, options, code) => {
  const { runtime, broker } = brokerOf('master');
  broker.start('http://n');
  await runtime.advance(3000);
  await expect(runtime.run(publishTo(broker, options))).rejects.toMatchObject({ code });
  expect(await runtime.run(broker.lookup('orders'))).toBeUndefined();
  expect(await runtime.run(publishTo(broker, { expected: 0 }))).toMatchObject({ firstSequenceNumber: 0 });
});

test('a leader that is asked to stop is ready until it has let go, so that nobody takes its lease in mid-drain', async () => {
  const { runtime, broker, weather } = brokerOf('master');
  broker.start('http://n');
  await runtime.advance(3000);
  await runtime.run(publishTo(broker));
  weather.fault = { kind: 'delay', beforeMs: 400 };
  const publishing = publishTo(broker);
  const stopping = broker.stop();
  await runtime.advance(300);
  expect([broker.live(), broker.ready().ready]).toEqual([true, true]);
  expect(await runtime.run(publishing)).toMatchObject({ firstSequenceNumber: 1 });
  await runtime.run(Promise.race([stopping, sleep(runtime, 60_000)]));
  expect([broker.live(), broker.ready().ready]).toEqual([true, false]);
});
