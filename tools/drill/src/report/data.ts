import { cpus } from 'node:os';
import { type Distribution, distribution } from '@message-vault/checkers';
import type { DeliveryFigures, Figures } from '../drill.ts';
import type { RunResult } from '../run/result.ts';

/** One drill and what came of its runs. */
export interface DrillReport {
  readonly name: string;
  readonly does: string;
  readonly expects: string;
  readonly figures: Figures | undefined;
  /** What is asked of deliveries, for drills of queues and routers. */
  readonly deliveryFigures: DeliveryFigures | undefined;
  /** Why it was not run. */
  readonly skipped: string | undefined;
  /** Why it could not be run, or not to its end. */
  readonly broken: string | undefined;
  readonly runs: readonly RunResult[];
}

/** All of report.json. */
export interface Report {
  readonly version: 1;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly machine: string;
  readonly seed: number;
  readonly against: readonly string[];
  readonly ok: boolean;
  readonly drills: readonly DrillReport[];
}

export function summarize(session: {
  startedAt: Date;
  seed: number;
  against: readonly string[];
  drills: readonly DrillReport[];
}): Report {
  return {
    version: 1,
    startedAt: session.startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}`,
    seed: session.seed,
    against: session.against,
    ok: session.drills.every(passed),
    drills: [...session.drills],
  };
}

/** Nothing went wrong; a drill that was skipped passes too. */
function passed({ broken, runs }: Pick<DrillReport, 'broken' | 'runs'>): boolean {
  return broken === undefined && runs.every(({ ok }) => ok);
}

/** The write gaps over all runs. Undefined when no run has one. */
export function gapsOf({ runs }: Pick<DrillReport, 'runs'>): Distribution | undefined {
  return distribution(runs.flatMap(({ gapMs }) => (gapMs === undefined ? [] : [gapMs])));
}

/** The longest delivery gap of each run, over all places but those the fault is about. Undefined when no run has one. */
export function deliveryGapsOf({
  runs,
  deliveryFigures,
}: Pick<DrillReport, 'runs' | 'deliveryFigures'>): Distribution | undefined {
  const butFor = deliveryFigures?.butFor ?? [];
  const longest = runs.map(({ deliveries }) =>
    Math.max(...deliveries.filter(({ place }) => !butFor.includes(place)).map(({ gapMs }) => gapMs ?? -1)),
  );
  return distribution(longest.filter((gapMs) => gapMs >= 0));
}

/** Whether the gaps are as short as they should be. Undefined when there is no such figure, or no gap. */
export function figuresMet(report: Pick<DrillReport, 'runs' | 'figures'>): boolean | undefined {
  return areMet(gapsOf(report), report.figures);
}

/** The same for the deliveries of queues and routers. */
export function deliveryFiguresMet(
  report: Pick<DrillReport, 'runs' | 'deliveryFigures'>,
): boolean | undefined {
  return areMet(deliveryGapsOf(report), report.deliveryFigures);
}

function areMet(gaps: Distribution | undefined, figures: Figures | undefined): boolean | undefined {
  const { p50Ms, p99Ms } = figures ?? {};
  if (gaps === undefined || (p50Ms === undefined && p99Ms === undefined)) return undefined;
  return gaps.p50 <= (p50Ms ?? Number.POSITIVE_INFINITY) && gaps.p99 <= (p99Ms ?? Number.POSITIVE_INFINITY);
}
