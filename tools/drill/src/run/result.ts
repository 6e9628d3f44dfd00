import { loadavg } from 'node:os';
import type { Finding, Verdict, WriteGap } from '@message-vault/checkers';
import type { Drill, Span } from '../drill.ts';
import type { Times } from '../record/recorder.ts';
import type { LeaderPeriod } from '../watch.ts';

/** What came of one run. Plain data: it stands like this in report.json. Times in milliseconds from the mark `fault`. */
export interface RunResult {
  readonly run: number;
  readonly startedAt: string;
  readonly ok: boolean;
  /** All that was not as it must be, each in a sentence; empty when `ok`. */
  readonly problems: readonly string[];
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
  readonly messages: Verdict['messages'];
  readonly events: number;
  /** Longest silence between two acknowledgements from the fault until it healed. */
  readonly gapMs: number | undefined;
  /** The same before the fault, for comparison. */
  readonly quietMs: number | undefined;
  /** The same from the healing to the end; undefined when there was nothing to heal. */
  readonly healGapMs: number | undefined;
  readonly changes: number;
  readonly changesAfterHeal: number;
  readonly failedPublishes: number;
  /** Of the machine in the last minute, when the run ended. */
  readonly load1: number;
  readonly timeline: Timeline;
}

export interface Timeline {
  readonly fromMs: number;
  readonly toMs: number;
  readonly bucketMs: number;
  /** Acknowledgements per bucket. */
  readonly acks: readonly number[];
  readonly failures: readonly { readonly atMs: number; readonly code: string }[];
  readonly marks: readonly { readonly atMs: number; readonly name: string }[];
  readonly leaders: readonly { readonly fromMs: number; readonly nodeId: string; readonly epoch: number }[];
  /** Where the gap lies. */
  readonly gap: { readonly fromMs: number; readonly toMs: number } | undefined;
}

interface Observed {
  readonly drill: Drill;
  readonly run: number;
  readonly startedAt: Date;
  readonly verdict: Verdict;
  readonly gaps: readonly WriteGap[];
  readonly times: Times;
  readonly periods: readonly LeaderPeriod[];
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

const BUCKET_MS = 50;
const BEFORE_MS = 1000;

export function resultOf(seen: Observed): RunResult {
  const { drill, verdict, gaps, times } = seen;
  const [fault, heal, end] = ['fault', 'heal', 'end'].map(
    (name) => times.marks.find((mark) => mark.name === name)?.at,
  );
  const failedPublishes = verdict.messages.failed + verdict.messages.unknown;
  const changes = countChanges(seen.periods, fault, heal ?? end);
  const changesAfterHeal = countChanges(seen.periods, heal ?? end, undefined);
  const problems = [
    ...seen.problems,
    ...verdict.findings
      .filter(({ check }) => !drill.expect.findings?.includes(check))
      .map(({ check, count, first }) => `${check} × ${count}: ${first}`),
    ...spanProblem('leadership changed', changes, drill.expect.changes),
    ...spanProblem(
      'after the fault had healed, leadership changed',
      changesAfterHeal,
      drill.expect.changesAfterHeal,
    ),
    ...failureProblem(failedPublishes, drill.expect.failedPublishes ?? 0),
  ];
  const gapOf = (name: string): number | undefined => gaps.find((gap) => gap.mark === name)?.longestMs;
  return {
    run: seen.run,
    startedAt: seen.startedAt.toISOString(),
    ok: problems.length === 0,
    problems,
    findings: verdict.findings,
    notes: seen.notes,
    messages: verdict.messages,
    events: verdict.events,
    gapMs: gapOf('fault'),
    quietMs: fault === undefined ? undefined : longestSilence(times.acks, fault - BEFORE_MS, fault).ms,
    healGapMs: gapOf('heal'),
    changes,
    changesAfterHeal,
    failedPublishes,
    load1: loadavg()[0] ?? 0,
    timeline: timelineOf(seen, fault ?? 0, heal ?? end),
  };
}

function spanProblem(what: string, count: number, { min, max }: Span): string[] {
  if (count >= min && count <= max) return [];
  const right = min === max ? `${min}` : `${min} to ${max}`;
  return [`${what} ${count} times; ${right} would be right`];
}

function failureProblem(failed: number, allowed: number): string[] {
  return failed <= allowed ? [] : [`${failed} publishes failed; at most ${allowed} may`];
}

/** Epochs that began in the time given. */
function countChanges(
  periods: readonly LeaderPeriod[],
  from: number | undefined,
  to = Number.POSITIVE_INFINITY,
): number {
  if (from === undefined) return 0;
  return new Set(periods.filter(({ at }) => at >= from && at < to).map(({ epoch }) => epoch)).size;
}

/** The longest time without an acknowledgement that begins or ends between `from` and `to`. */
export function longestSilence(
  acks: readonly number[],
  from: number,
  to: number,
): { ms: number | undefined; from: number; to: number } {
  const sorted = acks.toSorted((a, b) => a - b);
  let longest = { ms: undefined as number | undefined, from, to };
  for (let index = 1; index < sorted.length; index++) {
    const [before = 0, after = 0] = [sorted[index - 1], sorted[index]];
    if (after <= from || before >= to) continue;
    if (after - before > (longest.ms ?? -1)) longest = { ms: after - before, from: before, to: after };
  }
  return longest;
}

function timelineOf({ times, periods }: Observed, fault: number, healed: number | undefined): Timeline {
  const last = Math.max(fault, ...times.marks.map(({ at }) => at), times.acks.at(-1) ?? 0);
  const from = fault - BEFORE_MS;
  const acks = Array.from({ length: Math.max(1, Math.ceil((last - from) / BUCKET_MS)) }, () => 0);
  for (const at of times.acks) {
    const bucket = Math.floor((at - from) / BUCKET_MS);
    if (bucket >= 0 && bucket < acks.length) acks[bucket] = (acks[bucket] ?? 0) + 1;
  }
  const relative = (at: number): number => Math.round(at - fault);
  const gap = longestSilence(times.acks, fault, healed ?? last);
  return {
    fromMs: -BEFORE_MS,
    toMs: relative(last),
    bucketMs: BUCKET_MS,
    acks,
    failures: times.failures.map(({ at, code }) => ({ atMs: relative(at), code })),
    marks: times.marks.map(({ at, name }) => ({ atMs: relative(at), name })),
    leaders: periods.map(({ at, nodeId, epoch }) => ({ fromMs: relative(at), nodeId, epoch })),
    gap: gap.ms === undefined ? undefined : { fromMs: relative(gap.from), toMs: relative(gap.to) },
  };
}
