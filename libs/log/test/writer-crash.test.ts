import type { Fault, FaultPlan } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import type { AppendResult, StreamWriter } from '../src/index.ts';
import { type Acknowledged, checkLog } from './support/check-log.ts';
import { unwrite } from './support/tail-damage.ts';
import { batchOf, by, largeBatch, producerA, WriterWorld } from './support/writer-world.ts';

const settings = { segmentCommits: 3 };
const total = 11;

function nthBatch(n: number): Uint8Array {
  const producer = by(producerA, n);
  return n % 4 === 2 ? largeBatch(`v${n}:`, 1500, producer) : batchOf(`v${n}:`, producer);
}

const label = (value: string): string => value.split(':')[0] ?? '';
const expected = Array.from({ length: total }, (_, n) => `v${n}`);

/** One producer that publishes its batches one after the other and, with a new leader, begins where it has no answer yet. */
class Producer {
  readonly acknowledged: Acknowledged[] = [];
  #answers = new Map<number, AppendResult>();
  #leader = 0;

  async publish(writer: StreamWriter, upTo: number): Promise<void> {
    this.#leader += 1;
    const leader = this.#leader;
    while (leader === this.#leader && this.#answers.size < upTo) {
      const n = this.#answers.size;
      const answer = await writer.append(nthBatch(n));
      this.acknowledged.push({ value: n % 4 === 2 ? `v${n}:`.padEnd(1500, '.') : `v${n}:`, answer });
      // An old leader may still answer what a new one has answered by now: that must be the same.
      const { duplicate: _, ...told } = answer;
      expect(this.#answers.get(n) ?? told).toMatchObject(told);
      this.#answers.set(n, answer);
    }
  }
}

/** The process dies with its call number `index`, which has `fault`; no later call of it reaches the storage. */
function diesAt(index: number, fault: Fault): FaultPlan {
  return (call) => {
    if (call.index < index) return undefined;
    return call.index === index ? fault : { kind: 'hang', applied: false };
  };
}

/** The process lives, but one call of it takes its time. */
function slowAt(index: number, fault: Fault): FaultPlan {
  return (call) => (call.index === index ? fault : undefined);
}

async function countCalls(run: (plan: FaultPlan) => Promise<void>): Promise<number> {
  let calls = 0;
  await run(() => {
    calls += 1;
    return undefined;
  });
  return calls;
}

/** A first leader with faults, a second one that takes over after 50 ms, and late arrivals during all of it. */
async function takeOverFrom(plan: FaultPlan): Promise<void> {
  const world = new WriterWorld();
  const producer = new Producer();
  const first = world
    .opening(1, { settings, faults: plan })
    .then((writer) => producer.publish(writer, total - 4));
  first.catch(() => undefined);
  await world.runtime.advance(50);
  const second = await world.open(2, { settings });
  await world.run(producer.publish(second, total - 2));
  await world.runtime.advance(60_000);
  await world.run(producer.publish(second, total));
  const values = await checkLog(world, producer.acknowledged);
  expect(values.map(label)).toEqual(expected);
  const third = await world.open(3, { settings });
  expect(third.tail).toEqual(second.tail);
}

/** A stream left in some state, a second leader with faults, and a third one that takes over from it. */
async function takeOverTwice(
  leave: (world: WriterWorld, producer: Producer) => Promise<void>,
  plan: FaultPlan,
): Promise<void> {
  const world = new WriterWorld();
  const producer = new Producer();
  await leave(world, producer);
  const second = world
    .opening(2, { settings, faults: plan })
    .then((writer) => producer.publish(writer, total - 3));
  second.catch(() => undefined);
  await world.runtime.advance(50);
  const third = await world.open(3, { settings });
  await world.run(producer.publish(third, total - 1));
  await world.runtime.advance(60_000);
  await world.run(producer.publish(third, total));
  expect((await checkLog(world, producer.acknowledged)).map(label)).toEqual(expected);
}

const deaths: [string, Fault][] = [
  ['before the storage got it', { kind: 'hang', applied: false }],
  ['after the storage applied it', { kind: 'hang', applied: true }],
  ['and it arrives when the next leader leads', { kind: 'land_later', afterMs: 60 }],
  ['and it arrives much later', { kind: 'land_later', afterMs: 30_000 }],
  ['and only its first page lands', { kind: 'tear', pages: 1 }],
];

const slowness: [string, Fault][] = [
  ['reaches the storage after the takeover', { kind: 'delay', beforeMs: 80 }],
  ['is answered after the takeover', { kind: 'delay', afterMs: 80 }],
  ['arrives a second time after the takeover', { kind: 'repeat', afterMs: 80 }],
  ['arrives a second time at once', { kind: 'repeat', afterMs: 1 }],
];

describe('a leader that dies at any call of opening, writing and rolling', () => {
  it.each(deaths)('%s: nothing acknowledged is lost, nothing is there twice', async (_, fault) => {
    const calls = await countCalls(takeOverFrom);
    expect(calls).toBeGreaterThan(10);
    for (let index = 0; index < calls; index += 1) await takeOverFrom(diesAt(index, fault));
  });
});

describe('a leader that goes on while another takes over, and any one call of it', () => {
  it.each(slowness)('%s: nothing acknowledged is lost, nothing is there twice', async (_, fault) => {
    const calls = await countCalls(takeOverFrom);
    for (let index = 0; index < calls; index += 1) await takeOverFrom(slowAt(index, fault));
  });
});

const leftovers: [string, (world: WriterWorld, producer: Producer) => Promise<void>][] = [
  ['a plain end', (world, producer) => publishFirst(world, producer, 5)],
  ['a segment closed and the next one not created', (world, producer) => publishFirst(world, producer, 6)],
  [
    'a segment closed and the next one created and empty',
    async (world, producer) => {
      const writer = await publishWith(world, producer, 6);
      const name = String(writer.tail.page).padStart(16, '0');
      const ref = { container: world.stream.container, segment: name };
      await world.pages.createSegment(ref, { sizeBytes: 8 * 1024 * 1024, epoch: 1 });
    },
  ],
  [
    'a torn write at the end',
    async (world, producer) => {
      const writer = await publishWith(world, producer, 6);
      const { page } = writer.tail;
      await world.run(writer.append(nthBatch(6)));
      await unwrite(world, page + 1);
    },
  ],
  ['nothing at all', async () => undefined],
];

async function publishWith(world: WriterWorld, producer: Producer, count: number): Promise<StreamWriter> {
  const writer = await world.open(1, { settings });
  await world.run(producer.publish(writer, count));
  return writer;
}

async function publishFirst(world: WriterWorld, producer: Producer, count: number): Promise<void> {
  await publishWith(world, producer, count);
}

describe('a new leader that dies at any call of its takeover', () => {
  it.each(leftovers)('of a stream with %s leaves what the next leader goes on with', async (_, leave) => {
    const run = (plan: FaultPlan): Promise<void> => takeOverTwice(leave, plan);
    const calls = await countCalls(run);
    for (let index = 0; index < calls; index += 1) {
      for (const [, fault] of deaths) await run(diesAt(index, fault));
      for (const [, fault] of slowness) await run(slowAt(index, fault));
    }
  });
});
