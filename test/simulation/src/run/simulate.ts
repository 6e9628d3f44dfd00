import type { CallWatcher } from '../storage/line.ts';
import { type Finding, World } from '../world/world.ts';
import { Cluster } from './cluster.ts';
import { readFinally } from './final-read.ts';
import { type Setup, setupOf } from './setup.ts';

export interface SimulationOptions {
  readonly keepTrace?: boolean;
}

export interface Outcome {
  readonly seed: number;
  readonly setup: Setup;
  readonly findings: readonly Finding[];
  /** Of the trace: two runs with one digest did the same. */
  readonly digest: string;
  readonly trace: readonly string[];
  readonly counts: {
    readonly events: number;
    readonly commits: number;
    readonly acks: number;
    readonly reads: number;
    readonly leaders: number;
  };
}

const watcher: CallWatcher = { fateOf: () => undefined, passed: () => {} };

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const setup = setupOf(seed);
  const world = new World({ seed, calmAtMs: setup.calmAtMs, keepTrace: options.keepTrace ?? false });
  const cluster = new Cluster(world, setup, watcher);
  const onRejection = (error: unknown): void =>
    world.broken('no bugs', `unhandled: ${error instanceof Error ? error.stack : String(error)}`);
  process.on('unhandledRejection', onRejection);
  try {
    await run(cluster, setup);
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  return {
    seed,
    setup,
    findings: world.findings,
    digest: world.trace.digest,
    trace: world.trace.lines,
    counts: {
      events: world.trace.count,
      commits: cluster.store.commitsSeen,
      acks: cluster.history.acks,
      reads: cluster.history.reads,
      leaders: cluster.led.length,
    },
  };
}

async function run(cluster: Cluster, setup: Setup): Promise<void> {
  const { world } = cluster;
  await cluster.prepare();
  for (const node of cluster.nodes) node.start();
  for (const program of cluster.programs) program.start();
  const random = world.chance('crashes');
  for (let at = 500; at < setup.calmAtMs - 500; at += 500 + random.below(2500)) {
    world.after(at, () => {
      const node = random.pick(cluster.nodes);
      node.kill();
      world.after(random.below(3000), () => node.start());
    });
  }
  await world.clock.advance(setup.calmAtMs);
  for (const node of cluster.nodes) node.start();
  await world.clock.advance(20_000);
  for (const program of cluster.programs) program.stop();
  await world.clock.advance(40_000);
  for (const { name, isIdle } of cluster.producers)
    if (!isIdle) world.broken('liveness', `${name} still waits`);
  await world.clock.run(readFinally(cluster));
  for (const { check, first } of cluster.history.finish().findings) world.broken(check, first);
}
