import { SeededRandom, VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, test } from 'vitest';
import { createClient, isVaultClientError, type PublishResult } from '../src/index.ts';
import { ModelCluster } from './support/model-cluster.ts';
import { type Fault, SimulatedTransport } from './support/simulated-transport.ts';

const URLS = ['http://a.test:7001', 'http://b.test:7002', 'http://c.test:7003'];
const SEEDS = Number(process.env.CHAOS_SEEDS ?? 60);
const CLIENTS = 3;
const PUBLISHES = 120;
const FAULTS: readonly Fault[] = ['refuse', 'lose-request', 'lose-answer', 'arrive-late'];

interface Attempted {
  readonly value: string;
  outcome: 'stored' | 'not_stored' | 'unknown';
  result?: PublishResult;
}

/** Every combination of faults the network and the nodes can throw at a client, for one seed; what was published and what is there. */
async function runSeed(seed: number): Promise<{ attempts: Attempted[][]; values: string[] }> {
  const runtime = new VirtualRuntime({ seed });
  const random = new SeededRandom(seed * 7919);
  const cluster = new ModelCluster(runtime, URLS);
  cluster.elect(random.pick(URLS));
  const faultRate = random.next() * 0.3;
  const transport = new SimulatedTransport(runtime, cluster, {
    latencyMs: () => 1 + random.next() * 20,
    fault: () => (random.chance(faultRate) ? random.pick(FAULTS) : 'none'),
  });
  trouble(runtime, random, cluster);
  const clients = Array.from({ length: CLIENTS }, () =>
    createClient({
      urls: URLS,
      runtime,
      transport,
      maxBatchBytes: 2000,
      attemptTimeoutMs: 700,
      deliveryTimeoutMs: random.pick([1500, 30_000]),
      lingerMs: random.pick([0, 0, 15]),
    }),
  );
  const attempts = await runtime.run(
    Promise.all(clients.map((client, index) => produce(runtime, random, client, index))),
  );
  await runtime.advance(20_000);
  return { attempts, values: cluster.stream('orders').values };
}

/** Crashes, freezes and elections, now and then. (A leader forgets a producer only after minutes of silence: not here.) */
function trouble(runtime: VirtualRuntime, random: SeededRandom, cluster: ModelCluster): void {
  for (let at = 300; at < 6000; at += 300 + random.below(1500)) {
    const victim = random.pick(cluster.nodes);
    const property = random.pick(['up', 'frozen'] as const);
    runtime.setTimer(at, () => {
      victim[property] = !victim[property];
    });
    runtime.setTimer(at + random.below(1500), () => {
      victim.up = true;
      victim.frozen = false;
      cluster.elect(random.pick(cluster.nodes.filter((node) => node.up && !node.frozen)).url);
    });
  }
  runtime.setTimer(9000, () => {
    for (const node of cluster.nodes) {
      node.up = true;
      node.frozen = false;
    }
    cluster.elect(URLS[0] ?? '');
  });
}

async function produce(
  runtime: VirtualRuntime,
  random: SeededRandom,
  client: ReturnType<typeof createClient>,
  index: number,
): Promise<Attempted[]> {
  const attempts: Attempted[] = [];
  const pending: Promise<void>[] = [];
  for (let turn = 0; turn < PUBLISHES; turn += 1) {
    const attempt: Attempted = {
      value: `${index}:${turn}:${'x'.repeat(random.below(900))}`,
      outcome: 'unknown',
    };
    attempts.push(attempt);
    pending.push(
      client
        .publish('orders', attempt.value)
        .then(
          (result) => Object.assign(attempt, { outcome: 'stored', result }),
          (error: unknown) => {
            if (!isVaultClientError(error)) throw error;
            Object.assign(attempt, { outcome: error.outcome });
          },
        )
        .then(() => {}),
    );
    const pauseMs = random.chance(0.5) ? 0 : random.below(100);
    await new Promise<void>((resolve) => {
      runtime.setTimer(pauseMs, resolve);
    });
  }
  await Promise.all(pending);
  return attempts;
}

describe('publishing through every fault', () => {
  test(`what is acknowledged is stored once, in order and where it was said to be; what is not stored is not there (${SEEDS} seeds)`, async () => {
    let unknown = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { attempts, values } = await runSeed(seed);
      const places = new Map(values.map((value, place) => [value, place]));
      expect(places.size, `seed ${seed}: a message is there twice`).toBe(values.length);
      for (const ofOne of attempts) {
        let before = -1;
        for (const { value, outcome, result } of ofOne) {
          const place = places.get(value);
          if (outcome === 'unknown') unknown += 1;
          if (outcome === 'not_stored')
            expect(place, `seed ${seed}: ${value.slice(0, 8)} was said not to be stored`).toBeUndefined();
          if (outcome === 'stored')
            expect(result?.firstSequenceNumber, `seed ${seed}: ${value.slice(0, 8)}`).toBe(place);
          if (place === undefined) continue;
          expect(place, `seed ${seed}: ${value.slice(0, 8)} is out of order`).toBeGreaterThan(before);
          before = place;
        }
      }
    }
    // The faults are real: some outcomes could not be found out in time.
    expect(unknown).toBeGreaterThan(0);
  });
});
