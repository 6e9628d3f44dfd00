import { deadLetterOf, type QueueDocument } from '@message-vault/metadata';
import { sleep } from '@message-vault/runtime';
import { SeededRandom } from '@message-vault/runtime/testing';
import { randomFaults } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { isQueueError, type QueueDelivery, type Queues } from '../../src/index.ts';
import { QueueBench, sized, text } from './support/bench.ts';

const MESSAGES = 40;
const CONSUMERS = 6;

interface Held {
  readonly id: string;
  readonly from: number;
  /** When the consumer let go of it, or its lock ended. */
  until: number;
}

/** What producers and consumers saw. */
class History {
  readonly enqueued = new Set<string>();
  readonly acknowledged = new Map<string, number>();
  readonly held: Held[] = [];
  /** Acknowledged by a call whose outcome is not known, or that came too late to be told it. */
  readonly maybeGone = new Set<string>();
}

/** One consumer: takes, and then does with each message one of all the things that can be done, or dies. */
async function consume(
  bench: QueueBench,
  {
    nodes,
    queue,
    history,
    rng,
  }: { nodes: Queues[]; queue: QueueDocument; history: History; rng: SeededRandom },
): Promise<void> {
  const { runtime } = bench;
  while (runtime.monotonic() < 120_000) {
    const node = rng.pick(nodes);
    const delivery = await node.receive(queue, { timeoutMs: 2000, signal: undefined }).catch(() => undefined);
    if (delivery?.lock === undefined) continue;
    delivery.release();
    const held: Held = { id: delivery.id, from: runtime.monotonic(), until: 0 };
    const lockMs = delivery.lock.until - runtime.now();
    held.until = held.from + lockMs;
    history.held.push(held);
    await sleep(runtime, rng.next() * 1.3 * lockMs);
    await settle(bench, rng.pick(nodes), { queue, delivery, held, history, rng });
  }
}

async function settle(
  { runtime }: QueueBench,
  node: Queues,
  about: { queue: QueueDocument; delivery: QueueDelivery; held: Held; history: History; rng: SeededRandom },
): Promise<void> {
  const { queue, delivery, held, history, rng } = about;
  const id = delivery.lock?.id ?? '';
  const what = rng.pick(['acknowledge', 'acknowledge', 'giveBack', 'renew', 'deadLetter', 'die'] as const);
  const askedAt = runtime.monotonic();
  try {
    if (what === 'acknowledge') {
      await node.acknowledge(queue, id);
      history.acknowledged.set(delivery.id, (history.acknowledged.get(delivery.id) ?? 0) + 1);
    }
    if (what === 'giveBack') await node.giveBack(queue, id);
    if (what === 'deadLetter') await node.deadLetterLocked(queue, id, 'by the consumer');
    if (what === 'renew') held.until = askedAt + ((await node.renew(queue, id)) - runtime.now());
    else held.until = Math.min(held.until, askedAt);
  } catch (error) {
    if (what === 'acknowledge' && isQueueError(error, 'outcome_unknown', 'lock_lost'))
      history.maybeGone.add(delivery.id);
    // Refused, lost or not known: from the asking on, the consumer does not count on the message any more.
    held.until = Math.min(held.until, askedAt);
  }
}

async function produce(
  bench: QueueBench,
  { nodes, queue, history, rng }: Parameters<typeof consume>[1],
): Promise<void> {
  for (let at = 0; at < MESSAGES; at += 1) {
    await sleep(bench.runtime, rng.next() * 1000);
    const message = rng.chance(0.2) ? sized(50_000 + at) : text(`${at}`);
    const done = await rng
      .pick(nodes)
      .enqueue(queue, [message])
      .catch(() => undefined);
    for (const id of done?.messageIds ?? []) history.enqueued.add(id);
  }
}

async function drain(bench: QueueBench, queue: QueueDocument): Promise<string[]> {
  const node = bench.node();
  const ids: string[] = [];
  for (;;) {
    const found = await node.receiveAndDelete(queue, { timeoutMs: 30_000, signal: undefined });
    if (found === undefined) return ids;
    found.release();
    ids.push(found.id);
  }
}

describe('whatever storage does, and whoever dies', () => {
  it.each(Array.from({ length: 25 }, (_, seed) => seed + 1))(
    'no message is lost, none comes again after it was acknowledged, and no two consumers have one at once (seed %i)',
    async (seed) => {
      const bench = new QueueBench();
      const rng = new SeededRandom(seed);
      const queue = await bench.queue({ lockDurationMs: 5000, maxDequeueRetries: 4 });
      const nodes = [bench.node(), bench.node(), bench.node()];
      const history = new History();
      const faults = randomFaults(
        {
          ...bench.runtime,
          now: () => 0,
          monotonic: () => 0,
          setTimer: () => ({ cancel: () => undefined }),
          random: () => rng.next(),
          randomBytes: (count) => rng.bytes(count),
        },
        {
          refuse: 0.03,
          throttle: 0.05,
          loseAnswer: 0.03,
          landLater: 0.02,
          repeat: 0.03,
          delay: 0.1,
          maxMs: 800,
        },
      );
      bench.fault = (call) => {
        const fault = faults(call);
        // A request that arrives twice, or after its answer was given up, enqueues twice: that is what ids are for.
        const doubles = fault?.kind === 'repeat' || fault?.kind === 'land_later';
        return doubles && call.operation === 'queues.send' ? undefined : fault;
      };
      const everybody = { nodes, queue, history, rng };
      const consumers = Array.from({ length: CONSUMERS }, () => consume(bench, everybody));
      await bench.runtime.run(Promise.all([produce(bench, everybody), ...consumers]));
      bench.fault = () => undefined;
      await bench.runtime.advance(60_000);
      const left = await bench.runtime.run(drain(bench, queue));
      const dead = await bench.runtime.run(drain(bench, deadLetterOf(queue)));
      const accounted = new Set([...left, ...dead, ...history.acknowledged.keys(), ...history.maybeGone]);
      expect([...history.enqueued].filter((id) => !accounted.has(id))).toEqual([]);
      expect(left.filter((id) => history.acknowledged.has(id))).toEqual([]);
      expect([...history.acknowledged.values()].filter((times) => times > 1)).toEqual([]);
      expect(overlaps(history.held)).toEqual([]);
      expect(history.acknowledged.size).toBeGreaterThan(5);
    },
  );
});

/** Messages that two consumers could count on at the same time. */
function overlaps(held: readonly Held[]): string[] {
  const lastUntil = new Map<string, number>();
  const found: string[] = [];
  for (const { id, from, until } of [...held].sort((a, b) => a.from - b.from)) {
    if (from < (lastUntil.get(id) ?? 0)) found.push(id);
    lastUntil.set(id, Math.max(until, lastUntil.get(id) ?? 0));
  }
  return found;
}
