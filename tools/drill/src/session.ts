import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { drills } from './catalogue.ts';
import type { Drill } from './drill.ts';
import { DrillError, isExpected } from './errors.ts';
import { Lab, type LabStorage } from './lab/lab.ts';
import { hasRedis } from './lab/redis.ts';
import { seededRandom } from './random.ts';
import { type DrillReport, type Report, summarize } from './report/data.ts';
import { writeReport } from './report/write.ts';
import type { RunResult } from './run/result.ts';
import { historyPath, Run, type Target } from './run/run.ts';
import { Watch } from './watch.ts';

export interface SessionOptions {
  /** Names of drills; none for all. */
  readonly names: readonly string[];
  readonly runs: number;
  /** Nodes of a cluster that runs elsewhere; none for a cluster of its own per drill. */
  readonly against: readonly string[];
  readonly seed: number;
  /** What each cluster of its own keeps everything in. Default `azurite`. */
  readonly storage?: LabStorage | undefined;
  /** Folder of all drills. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Told of each drill's own cluster once it is ready. */
  readonly onLab?: (lab: Lab) => void;
  readonly onRun?: (drill: Drill, result: RunResult) => void;
  readonly onDrill?: (report: DrillReport) => void;
}

export interface SessionResult {
  readonly report: Report;
  /** Absolute. */
  readonly htmlPath: string;
}

const MAX_RUNS = 200;
/** Histories of runs that passed; those of runs that failed are all kept. Each has some megabytes. */
const KEPT_HISTORIES = 3;
const GIVEN_UP = 'given up before it was done';

/** Throws DrillError `no_such_drill`, naming those there are. */
export function drillNamed(name: string): Drill {
  const drill = drills.find((each) => each.name === name);
  if (drill) return drill;
  throw new DrillError(
    'no_such_drill',
    `there is no drill ${name}; there is ${drills.map((each) => each.name).join(', ')}`,
  );
}

/** Runs drills one after the other, and writes their report as it grows. */
export async function runDrills(options: SessionOptions): Promise<SessionResult> {
  if (!Number.isInteger(options.runs) || options.runs < 1 || options.runs > MAX_RUNS) {
    throw new DrillError('bad_option', `runs is a whole number from 1 to ${MAX_RUNS}`);
  }
  const chosen = options.names.length === 0 ? drills : options.names.map(drillNamed);
  const startedAt = new Date();
  const folder = resolve(options.dir, startedAt.toISOString().replace(/[:.]/g, '-'));
  await mkdir(folder, { recursive: true });
  const done: DrillReport[] = [];
  let report = summarize({ ...options, startedAt, drills: done });
  for (const drill of chosen) {
    const outcome = await runDrill(drill, options, folder);
    done.push(outcome);
    options.onDrill?.(outcome);
    report = summarize({ ...options, startedAt, drills: done });
    await writeReport(folder, report);
    if (options.signal.aborted) break;
  }
  return { report, htmlPath: join(folder, 'report.html') };
}

async function runDrill(drill: Drill, options: SessionOptions, folder: string): Promise<DrillReport> {
  const { name, does, expects } = drill;
  const skipped = await reasonToSkip(drill, options);
  const runs: RunResult[] = [];
  const { figures, deliveries: deliveryFigures } = drill.expect;
  const report = { name, does, expects, figures, deliveryFigures, skipped, broken: undefined, runs };
  if (skipped !== undefined) return report;
  try {
    await runAll(drill, options, { dir: join(folder, name), runs });
    return { ...report, broken: options.signal.aborted ? GIVEN_UP : undefined };
  } catch (error) {
    if (options.signal.aborted) return { ...report, broken: GIVEN_UP };
    // The others can still be run; that this one could not is no less bad than a run that failed.
    if (isExpected(error)) return { ...report, broken: error.message };
    throw error;
  }
}

async function reasonToSkip(drill: Drill, options: SessionOptions): Promise<string | undefined> {
  if (options.against.length > 0) return drill.notFromOutside;
  if (options.storage === 'file' && (drill.setup.storageLinks || drill.setup.storageProcess))
    return 'a folder has no process to stop, and no connections to break';
  if (drill.setup.redis && !(await hasRedis())) return 'there is no redis-server on PATH';
  return undefined;
}

/** Adds the runs of one drill to `runs` as they are done. */
async function runAll(
  drill: Drill,
  options: SessionOptions,
  { dir, runs }: { dir: string; runs: RunResult[] },
): Promise<void> {
  await mkdir(dir, { recursive: true });
  const outside = options.against.length > 0;
  const lab = outside
    ? undefined
    : await Lab.open({
        ...options,
        storage: options.storage ?? 'azurite',
        setup: drill.setup,
        dir: join(options.dir, 'lab'),
      });
  const urls = lab?.urls ?? options.against;
  const watch = new Watch(urls);
  watch.start();
  try {
    if (lab) options.onLab?.(lab);
    for (let run = 1; run <= options.runs && !options.signal.aborted; run++) {
      const result = await oneRun(drill, options, { target: { urls, watch, lab }, run, dir });
      runs.push(result);
      if (result.ok && run > KEPT_HISTORIES) await rm(historyPath(dir, run));
      options.onRun?.(drill, result);
    }
  } finally {
    await watch.stop();
    await lab?.close(join(dir, 'logs'));
  }
}

function oneRun(
  drill: Drill,
  options: SessionOptions,
  { target, run, dir }: { target: Target; run: number; dir: string },
): Promise<RunResult> {
  const random = seededRandom(options.seed + run);
  const stream = `drills/${drill.name}/${Date.now().toString(36)}-${run}`;
  return new Run({ drill, run, target, dir, stream, random, signal: options.signal }).execute();
}
