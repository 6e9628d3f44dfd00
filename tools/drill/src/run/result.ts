import { loadavg } from 'node:os';
import type { Finding, Verdict, WriteGap } from '@message-vault/checkers';
import type { Drill, Expectations, Span } from '../drill.ts';
import type { Delivered } from '../record/deliveries.ts';
import type { LeaderPeriod } from '../watch.ts';
import { BEFORE_MS, longestSilence, type Seen, type Timeline, timelineOf } from './timeline.ts';

/** What came of one run. Plain data: it stands like this in report.json. Times in milliseconds. */
export interface RunResult {
  readonly run: number;
  readonly startedAt: string;
  readonly stream: string;
  readonly ok: boolean;
  /** All that was not as it must be, each in a sentence; empty when `ok`. */
  readonly problems: readonly string[];
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
  readonly messages: Verdict['messages'];
  readonly events: number;
  /** Longest silence between two acknowledgements from the fault until it healed; undefined where it has to stay. */
  readonly gapMs: number | undefined;
  /** The same in the second before the fault, for comparison. */
  readonly quietMs: number | undefined;
  /** From the healing to the next acknowledgement; undefined when there was nothing to heal. */
  readonly recoveryMs: number | undefined;
  readonly changes: number;
  readonly changesAfterHeal: number;
  readonly failedPublishes: number;
  /** How often clients tried again, by why. */
  readonly retries: Readonly<Record<string, number>>;
  /** Load of the machine in the last minute, when the run ended. */
  readonly load1: number;
  /** What queues and routers handed on, a place each; empty for a run that has none. */
  readonly deliveries: readonly DeliveryResult[];
  readonly timeline: Timeline;
}

export interface DeliveryResult {
  /** Last part of its name. */
  readonly place: string;
  /** Messages that were acknowledged by those they were given to, or read. */
  readonly count: number;
  /** How often a message was given out that had been given out before, and not been given back. */
  readonly again: number;
  /** Longest silence from the fault until producers stopped, and in the second before. */
  readonly gapMs: number | undefined;
  readonly quietMs: number | undefined;
}

export interface Observed extends Seen {
  readonly drill: Pick<Drill, 'expect' | 'staysDown'>;
  readonly run: number;
  readonly stream: string;
  readonly startedAt: Date;
  readonly verdict: Verdict;
  readonly gaps: readonly WriteGap[];
  readonly notes: readonly string[];
  readonly problems: readonly string[];
  readonly retries: ReadonlyMap<string, number>;
  readonly deliveries: readonly Delivered[];
}

/** The verdict on a run. */
export function resultOf(seen: Observed): RunResult {
  const { verdict, gaps, times, notes } = seen;
  const at = (name: string): number | undefined => times.marks.find((mark) => mark.name === name)?.at;
  const fault = at('fault');
  const healed = at('heal') ?? at('end');
  const changes = countChanges(seen.periods, fault, healed);
  const changesAfterHeal = countChanges(seen.periods, healed, undefined);
  const failedPublishes = verdict.messages.failed + verdict.messages.unknown;
  const problems = [
    ...seen.problems,
    ...problemsOf(seen.drill.expect, { verdict, changes, changesAfterHeal, failedPublishes }),
  ];
  return {
    run: seen.run,
    startedAt: seen.startedAt.toISOString(),
    stream: seen.stream,
    ok: problems.length === 0,
    problems,
    findings: verdict.findings,
    notes: [...notes, ...toleratedOf(seen.drill.expect, verdict)],
    messages: verdict.messages,
    events: verdict.events,
    gapMs: seen.drill.staysDown ? undefined : gaps.find(({ mark }) => mark === 'fault')?.longestMs,
    quietMs: fault === undefined ? undefined : longestSilence(times.acks, fault - BEFORE_MS, fault).ms,
    recoveryMs: recoveryOf(times.acks, at('heal')),
    changes,
    changesAfterHeal,
    failedPublishes,
    retries: Object.fromEntries(seen.retries),
    load1: loadavg()[0] ?? 0,
    deliveries: seen.deliveries.map((delivered) => deliveryResult(delivered, fault, at('end'))),
    timeline: timelineOf(seen, fault ?? times.acks[0] ?? 0, healed),
  };
}

interface Counted {
  readonly verdict: Verdict;
  readonly changes: number;
  readonly changesAfterHeal: number;
  readonly failedPublishes: number;
}

function problemsOf(expect: Expectations, counted: Counted): string[] {
  const { verdict, changes, changesAfterHeal, failedPublishes } = counted;
  const mayFail = expect.failedPublishes ?? 0;
  return [
    ...verdict.findings
      .filter(({ check }) => !expect.findings?.includes(check))
      .map(({ check, count, first }) => `${check} × ${count}: ${first}`),
    ...spanProblem('leadership changed', changes, expect.changes),
    ...spanProblem(
      'after the fault had healed, leadership changed',
      changesAfterHeal,
      expect.changesAfterHeal,
    ),
    ...(failedPublishes > mayFail ? [`${failedPublishes} publishes failed; at most ${mayFail} may`] : []),
  ];
}

function toleratedOf(expect: Expectations, { findings }: Verdict): string[] {
  return findings
    .filter(({ check }) => expect.findings?.includes(check))
    .map(({ check, count }) => `${check} × ${count}: the fault itself did that.`);
}

function spanProblem(what: string, count: number, { min, max }: Span): string[] {
  if (count >= min && count <= max) return [];
  const right = min === max ? `${min}` : `${min} to ${max}`;
  return [`${what} ${count} times; ${right} would be right`];
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

function deliveryResult(
  { place, times, again }: Delivered,
  fault = Number.POSITIVE_INFINITY,
  end = fault,
): DeliveryResult {
  // Then producers stop, and it gets quiet by itself.
  const until = (to: number): readonly number[] => times.filter((at) => at <= to);
  return {
    place: place.slice(place.lastIndexOf('/') + 1),
    count: times.length,
    again,
    gapMs: longestSilence(until(end), fault, end).ms,
    quietMs: longestSilence(until(fault), fault - BEFORE_MS, fault).ms,
  };
}

function recoveryOf(acks: readonly number[], healedAt: number | undefined): number | undefined {
  if (healedAt === undefined) return undefined;
  const next = acks.find((at) => at > healedAt);
  return next === undefined ? undefined : next - healedAt;
}
