import { Ambushes } from '../faults/ambush.ts';
import { Director } from '../faults/director.ts';
import type { Plant } from '../plants/plant.ts';
import { type Finding, World } from '../world/world.ts';
import { Cluster } from './cluster.ts';
import { recoverAndJudge } from './phases.ts';
import { type Profile, profiles } from './profiles.ts';
import type { Setup } from './setup.ts';

export interface SimulationOptions {
  readonly keepTrace?: boolean;
  /** What the run is about: what the plant is in, or else streams, when not given. */
  readonly profile?: Profile | undefined;
  /** A bug to be found. */
  readonly plant?: Plant | undefined;
  /** Another run than the seed alone would make: with fewer faults, to find those that matter. */
  readonly change?: ((setup: Setup) => Setup) | undefined;
}

export interface Outcome {
  readonly seed: number;
  readonly setup: Setup;
  readonly findings: readonly Finding[];
  /** Of the trace: two runs with one digest did the same. */
  readonly digest: string;
  readonly trace: readonly string[];
  readonly counts: Counts;
}

export interface Counts {
  readonly events: number;
  readonly commits: number;
  readonly acks: number;
  readonly reads: number;
  readonly leaders: number;
  /** Messages whose publish failed, for certain or perhaps. */
  readonly failures: number;
  /** Ambushes that struck. */
  readonly sprung: number;
  /** Locks given out by queues, and policies assigned, changed and removed, where that is what the run is about. */
  readonly locks?: number;
  readonly policies?: number;
  /** Dead letters brought back, as far as anybody was told. */
  readonly redriven?: number;
  /** Subscriptions paused and resumed, as far as anybody was told. */
  readonly paused?: number;
  readonly virtualMs: number;
  readonly livelyAfterMs: number;
}

/** Runs one seed from beginning to end. Everything in it, faults included, is the seed's doing. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const made = profiles[options.profile ?? options.plant?.profile ?? 'streams'](seed);
  const setup = (options.change ?? options.plant?.provoke)?.(made) ?? made;
  const world = new World({
    seed,
    calmAtMs: setup.calmAtMs,
    keepTrace: options.keepTrace ?? false,
    ...(setup.bus && { roundsEveryMs: setup.bus.roundsEveryMs }),
  });
  const onRejection = (error: unknown): void =>
    world.broken('no bugs', `unhandled: ${error instanceof Error ? error.stack : String(error)}`);
  process.on('unhandledRejection', onRejection);
  try {
    const { cluster, livelyAfterMs, sprung } = await run(world, setup, options.plant);
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
        failures: cluster.history.failures,
        sprung,
        ...cluster.bus?.counts,
        virtualMs: Math.round(world.nowMs),
        livelyAfterMs: Math.round(livelyAfterMs),
      },
    };
  } finally {
    world.end();
    process.off('unhandledRejection', onRejection);
  }
}

interface Ran {
  readonly cluster: Cluster;
  readonly livelyAfterMs: number;
  readonly sprung: number;
}

async function run(world: World, setup: Setup, plant: Plant | undefined): Promise<Ran> {
  const ambushes: Ambushes = new Ambushes(world, {
    crash: (process, downMs) => director.crash(process.host.name, downMs),
    freeze: (process, forMs, how) => director.freeze(process, forMs, how),
  });
  const cluster = new Cluster(world, setup, { watcher: ambushes, plant });
  const director: Director = new Director(cluster, ambushes);
  await cluster.prepare();
  for (const node of cluster.nodes) node.start();
  await cluster.bus?.compose();
  world.skies.set(setup.weather);
  for (const program of cluster.programs) program.start();
  director.schedule(setup.faults);
  await world.clock.advance(setup.calmAtMs - world.nowMs);
  const recovery = await recoverAndJudge(cluster).catch((error: unknown) => {
    world.broken(
      'no bugs',
      `judging the run failed: ${error instanceof Error ? error.stack : String(error)}`,
    );
    return { livelyAfterMs: -1 };
  });
  return { cluster, sprung: ambushes.sprung, ...recovery };
}
