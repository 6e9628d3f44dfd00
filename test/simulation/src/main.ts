import { parseArgs } from 'node:util';
import { keptSeeds } from './many/kept.ts';
import type { SeedReport } from './many/messages.ts';
import { runSeeds } from './many/pool.ts';
import { commit, describeFailure } from './many/report.ts';
import { shrink } from './many/shrink.ts';
import { type Plant, plantNamed, plants } from './plants/index.ts';
import { type Profile, profileNamed } from './run/profiles.ts';
import type { Setup } from './run/setup.ts';
import { simulate } from './run/simulate.ts';

const help = `npm run sim -- [OPTION…]

Runs whole clusters (brokers, readers, producers, consumers, over one simulated storage and network) in virtual time.
What happens in a run is its seed's doing: the same seed does the same, bit for bit. Ends with 1 at a broken rule.

  --seeds N        how many seeds to run (default 1000), on all cores
  --from N         the first of them (default 1)
  --workers N      processes (default one per core)
  --keep-going     don't end at the first seed that fails
  --seed N         run this one only and say what it did; a failure is shrunk to the faults it needs
  --kept N         run the Nth of the runs that once failed (seeds.json; the first is 1)
  --trace          with --seed or --kept: all of the trace, and no shrinking
  --profile WHAT   what the runs are about: streams (default), bus for names, routers and queues,
                   or policies for those with filters, limits and dead letters that are brought back
  --plant BUG      with a bug planted, to see it found: one of ${plants.map((plant) => plant.name).join(', ')}
  --help           this text; the rest is in docs/simulation.md
`;

interface Arguments {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number | undefined;
  readonly keepGoing: boolean;
  readonly one: { readonly seed: number; readonly setup: Setup | undefined } | undefined;
  readonly trace: boolean;
  readonly plant: Plant | undefined;
  readonly profile: Profile | undefined;
}

const MAX_SEED = 2 ** 32 - 1;

/** Throws RangeError for what is no whole number from 0 up. */
function wholeNumber(name: string, text: string): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= MAX_SEED) return number;
  throw new RangeError(`--${name} takes a whole number up to ${MAX_SEED}, not ${JSON.stringify(text)}`);
}

function readArguments(): Arguments | 'help' {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string' },
      'keep-going': { type: 'boolean', default: false },
      seed: { type: 'string' },
      kept: { type: 'string' },
      trace: { type: 'boolean', default: false },
      plant: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  return {
    seeds: wholeNumber('seeds', values.seeds),
    from: wholeNumber('from', values.from),
    workers: values.workers === undefined ? undefined : wholeNumber('workers', values.workers),
    keepGoing: values['keep-going'],
    one: oneRun(values),
    trace: values.trace,
    plant: plantNamed(values.plant),
    profile: profileNamed(values.profile),
  };
}

/** The one run that is asked for, if it is one. Throws RangeError. */
function oneRun(values: { seed?: string; kept?: string }): Arguments['one'] {
  if (values.seed !== undefined) return { seed: wholeNumber('seed', values.seed), setup: undefined };
  if (values.kept === undefined) return undefined;
  const all = keptSeeds();
  const kept = all[wholeNumber('kept', values.kept) - 1];
  if (kept === undefined) throw new RangeError(`--kept takes a number from 1 to ${all.length}`);
  return kept;
}

async function main(): Promise<number> {
  try {
    const given = readArguments();
    if (given === 'help') return say(process.stdout, help, 0);
    return given.one === undefined ? await runMany(given) : await runOne(given.one, given);
  } catch (error) {
    const isUsage = error instanceof RangeError || error instanceof TypeError;
    if (!isUsage) throw error;
    return say(process.stderr, `${error.message}\n\n${help}`, 2);
  }
}

async function runOne(
  { seed, setup }: NonNullable<Arguments['one']>,
  { plant, profile, trace }: Pick<Arguments, 'plant' | 'profile' | 'trace'>,
): Promise<number> {
  const outcome = await simulate(seed, { keepTrace: true, plant, profile, change: setup && (() => setup) });
  if (outcome.findings.length > 0) {
    const told = trace ? outcome : await shrink(outcome, plant);
    return say(process.stdout, describeFailure(told, { whole: trace }), 1);
  }
  const lines = trace ? `${JSON.stringify(outcome.setup)}\n${outcome.trace.join('\n')}\n` : '';
  const counts = JSON.stringify(outcome.counts);
  return say(
    process.stdout,
    `${lines}seed ${seed}, commit ${commit()}: nothing is wrong. ${outcome.digest} ${counts}\n`,
    0,
  );
}

async function runMany(given: Arguments): Promise<number> {
  const startedAt = performance.now();
  const failed: SeedReport[] = [];
  const totals = { seeds: 0, acks: 0, leaders: 0, virtualMs: 0, slowestMs: 0 };
  await runSeeds({
    from: given.from,
    count: given.seeds,
    plant: given.plant?.name,
    profile: given.profile,
    workers: given.workers,
    onSeed: (report) => {
      totals.seeds += 1;
      totals.acks += report.counts.acks;
      totals.leaders += report.counts.leaders;
      totals.virtualMs += report.counts.virtualMs;
      totals.slowestMs = Math.max(totals.slowestMs, report.counts.livelyAfterMs);
      if (report.findings.length > 0) {
        failed.push(report);
        process.stdout.write(
          `seed ${report.seed}: ${report.findings[0]?.rule}: ${report.findings[0]?.detail}\n`,
        );
      } else if (totals.seeds % 500 === 0) process.stderr.write(`${totals.seeds} seeds\n`);
      return failed.length > 0 && !given.keepGoing;
    },
  });
  const tookS = ((performance.now() - startedAt) / 1000).toFixed(1);
  const hours = (totals.virtualMs / 3_600_000).toFixed(1);
  process.stdout.write(
    `${totals.seeds} seeds in ${tookS} s: ${hours} hours of virtual time, ${totals.acks} messages acknowledged, ` +
      `${totals.leaders} terms of leadership, everybody served again at most ${totals.slowestMs} ms after the last fault; ` +
      `${failed.length} failed\n`,
  );
  const [first] = failed.sort((a, b) => a.seed - b.seed);
  if (first === undefined) return 0;
  return runOne({ seed: first.seed, setup: undefined }, { ...given, trace: false });
}

function say(stream: NodeJS.WriteStream, text: string, code: number): number {
  stream.write(text);
  return code;
}

process.exitCode = await main();
