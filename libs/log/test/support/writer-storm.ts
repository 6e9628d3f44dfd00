import { randomUuid, sleep } from '@message-vault/runtime';
import { type Fault, type FaultPlan, randomFaults } from '@message-vault/storage';
import { expect } from 'vitest';
import type { StreamWriter, WriterSettings } from '../../src/index.ts';
import { type Acknowledged, checkLog } from './check-log.ts';
import { batchOf, by, code, type TestLeadership, WriterWorld } from './writer-world.ts';

const PRODUCERS = 4;
const BATCHES = 25;
const STORM_MS = 6000;

/**
 * One stream in a storm, drawn from a seed: leaders come and go (some die, some are paused, some go on believing that
 * they lead), calls fail, hang, land late, twice or torn, the clock jumps, and producers repeat what they have no answer
 * to. Then it is calm, and everything published must be there once, in order, where it was acknowledged to be.
 */
export class WriterStorm {
  readonly world: WriterWorld;
  readonly #acknowledged: Acknowledged[] = [];
  /** In every other storm commits are so small that the next one is often full before the last one is stored. */
  readonly #settings: Partial<WriterSettings>;
  #epoch = 0;
  #writer: StreamWriter | undefined;
  #calm = false;
  #seen: string[] = [];

  constructor(seed: number) {
    this.world = new WriterWorld(seed);
    this.#settings = {
      segmentCommits: 7,
      ...(seed % 2 === 0 && { maxCommitBytes: 2048, maxProducers: PRODUCERS, checkpointEvery: 8 }),
    };
  }

  async run(): Promise<void> {
    const { runtime } = this.world;
    const producers = Array.from({ length: PRODUCERS }, (_, n) => this.#produce(`p${n}`));
    await this.world.run(Promise.all([this.#elect(), this.#watch(), sleep(runtime, STORM_MS)]));
    this.#calm = true;
    this.#epoch += 1;
    this.#writer = await this.world.open(this.#epoch, { settings: this.#settings });
    await this.world.run(Promise.all(producers));
    await runtime.advance(3000);
    await this.#checkAll();
  }

  /** A new leader every now and then, whatever the old one is doing. */
  async #elect(): Promise<void> {
    const { runtime } = this.world;
    const { rng } = runtime;
    while (runtime.monotonic() < STORM_MS) {
      this.#epoch += 1;
      const leadership = this.world.leader(this.#epoch);
      const bounds = { writeTimeoutMs: 300, resolveForMs: 1500, maxQueueBatches: 20 };
      const settings = { ...this.#settings, ...bounds };
      const opening = this.world.opening(this.#epoch, { settings, leadership, faults: this.#faults() });
      void opening.then(
        (writer) => {
          if (leadership.epoch === this.#epoch && !this.#calm) this.#writer = writer;
        },
        () => undefined,
      );
      if (rng.chance(0.3)) this.#endLater(leadership);
      await sleep(runtime, 50 + rng.below(1200));
      if (rng.chance(0.3)) runtime.wallOffsetMs = (rng.below(3) - 1) * 3_600_000;
      if (rng.chance(0.2)) await this.#writer?.close();
    }
  }

  #endLater(leadership: TestLeadership): void {
    const { runtime } = this.world;
    runtime.setTimer(runtime.rng.below(1500), () => {
      leadership.leading = false;
    });
  }

  /** How a leader's storage misbehaves; from some call on it may be cut off for good, perhaps with a torn write. */
  #faults(): FaultPlan {
    const { runtime } = this.world;
    const { rng } = runtime;
    const bad = rng.chance(0.7) ? 0.04 : 0.2;
    const random = randomFaults(runtime, {
      refuse: bad,
      throttle: bad / 2,
      loseAnswer: bad,
      landLater: bad,
      repeat: bad,
      delay: bad,
      hang: bad / 4,
      maxMs: 800,
    });
    const diesAt = rng.chance(0.4) ? rng.below(120) : Number.POSITIVE_INFINITY;
    return (call) => {
      if (call.index > diesAt) return { kind: 'hang', applied: false };
      const torn: Fault = { kind: 'tear', pages: 1 };
      if (call.operation === 'pages.writePages' && (call.index === diesAt || rng.chance(bad / 2)))
        return torn;
      return random(call);
    };
  }

  /** Batches in bursts; what was not answered is repeated, from the first one on, until it is. */
  async #produce(name: string): Promise<void> {
    const { runtime } = this.world;
    const id = randomUuid(runtime);
    let next = 0;
    while (next < BATCHES) {
      await sleep(runtime, 1 + runtime.rng.below(150));
      const writer = this.#writer;
      if (writer === undefined) continue;
      const burst = Math.min(BATCHES - next, 1 + runtime.rng.below(4));
      const sent = Array.from({ length: burst }, (_, n) =>
        this.#publish(writer, `${name}-${next + n}`, id, next + n),
      );
      const answered = await Promise.all(sent);
      const failed = answered.indexOf(false);
      next += failed < 0 ? burst : failed;
    }
  }

  async #publish(writer: StreamWriter, value: string, id: string, sequence: number): Promise<boolean> {
    const padded = sequence % 5 === 0 ? value.padEnd(700, ' ') : value;
    try {
      const answer = await writer.append(batchOf(padded, by(id, sequence)));
      this.#acknowledged.push({ value: padded, answer });
      return true;
    } catch (error) {
      const why = await code(Promise.reject(error));
      const fair = [
        'not_leader',
        'outcome_unknown',
        'queue_full',
        'producer_gap',
        'storage_unavailable',
        'closed',
      ];
      if (!fair.includes(why)) throw error;
      return false;
    }
  }

  /** I3: what a reader has seen once stays as it was. */
  async #watch(): Promise<void> {
    const { runtime } = this.world;
    while (runtime.monotonic() < STORM_MS) {
      await sleep(runtime, 250);
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const commits = await this.world.stored({ tornEnds: true });
    const now = commits.map(({ header, values }) => JSON.stringify([header, values]));
    const unread = this.#seen.findIndex((commit, index) => commit !== now[index]);
    if (unread >= 0) throw new Error(`commit ${unread} was read and is not there any more`);
    this.#seen = now;
  }

  async #checkAll(): Promise<void> {
    await this.#look();
    const values = await checkLog(this.world, this.#acknowledged);
    for (let producer = 0; producer < PRODUCERS; producer += 1) {
      const own = values.filter((value) => value.startsWith(`p${producer}-`)).map((value) => value.trim());
      expect(own).toEqual(Array.from({ length: BATCHES }, (_, n) => `p${producer}-${n}`));
    }
    const told = new Map(this.#acknowledged.map(({ value, answer }) => [value, answer.firstSequenceNumber]));
    for (const { value, answer } of this.#acknowledged)
      expect(told.get(value)).toBe(answer.firstSequenceNumber);
  }
}
