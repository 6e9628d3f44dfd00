import type { Delivered } from '../record/deliveries.ts';
import type { Times } from '../record/recorder.ts';
import type { DecisionSeen, LeaderPeriod, NodeView } from '../watch.ts';

/** What the report draws of a run. All times in milliseconds from the mark `fault`. */
export interface Timeline {
  readonly fromMs: number;
  readonly toMs: number;
  readonly bucketMs: number;
  /** Acknowledgements per bucket. */
  readonly acks: readonly number[];
  /** What queues and routers handed on, per bucket; not there for a run without them. */
  readonly delivered?: readonly number[];
  readonly failures: readonly { readonly atMs: number; readonly code: string }[];
  readonly marks: readonly { readonly atMs: number; readonly name: string }[];
  readonly leaders: readonly LeaderBand[];
  /** Changes of role as the nodes that were there in the end remember them. */
  readonly roles: readonly RoleChange[];
  /** Rows of the election's decision table that standbys came to, as they were seen by looking every 100 ms. */
  readonly decisions: readonly {
    readonly atMs: number;
    readonly nodeId: string;
    readonly decision: string;
  }[];
  /** Where the gap lies. */
  readonly gap: { readonly fromMs: number; readonly toMs: number } | undefined;
}

interface LeaderBand {
  readonly fromMs: number;
  /** When the node was last heard to say that it leads, or the next one began. */
  readonly toMs: number;
  readonly nodeId: string;
  readonly epoch: number;
}

interface RoleChange {
  readonly atMs: number;
  readonly nodeId: string;
  readonly role: string;
  readonly reason: string;
}

const BUCKET_MS = 50;
export const BEFORE_MS = 1000;

export interface Seen {
  readonly times: Times;
  readonly periods: readonly LeaderPeriod[];
  readonly decisions: readonly DecisionSeen[];
  readonly views: readonly NodeView[];
  readonly deliveries: readonly Delivered[];
}

export function timelineOf(seen: Seen, fault: number, healed: number | undefined): Timeline {
  const { times, periods } = seen;
  const last = Math.max(fault, ...times.marks.map(({ at }) => at));
  const relative = (at: number): number => Math.round(at - fault);
  const gap = longestSilence(times.acks, fault, healed ?? last);
  return {
    fromMs: -BEFORE_MS,
    toMs: relative(last),
    bucketMs: BUCKET_MS,
    acks: bucketed(times.acks, fault - BEFORE_MS, last),
    ...deliveredOf(seen.deliveries, fault - BEFORE_MS, last),
    failures: times.failures.map(({ at, code }) => ({ atMs: relative(at), code })),
    marks: times.marks.map(({ at, name }) => ({ atMs: relative(at), name })),
    leaders: periods
      // Those of earlier runs of the same cluster are left out.
      .filter(({ until }) => until >= fault - BEFORE_MS)
      .map(({ at, until, nodeId, epoch }, index, shown) => {
        const successorAt = shown[index + 1]?.at ?? last;
        return { fromMs: relative(at), toMs: relative(Math.min(until, successorAt, last)), nodeId, epoch };
      }),
    roles: rolesOf(seen.views, fault),
    decisions: seen.decisions
      .filter(({ at }) => at >= fault - BEFORE_MS && at <= last)
      .map(({ at, nodeId, decision }) => ({ atMs: relative(at), nodeId, decision })),
    gap: gap.ms === undefined ? undefined : { fromMs: relative(gap.from), toMs: relative(gap.to) },
  };
}

/** The longest time without an acknowledgement that overlaps with `from` to `to`; none after the last one counts too. */
export function longestSilence(
  acks: readonly number[],
  from: number,
  to: number,
): { ms: number | undefined; from: number; to: number } {
  const sorted = acks.toSorted((a, b) => a - b);
  if ((sorted.at(-1) ?? to) < to) sorted.push(to);
  let longest: { ms: number | undefined; from: number; to: number } = { ms: undefined, from, to };
  for (const [index, after] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before === undefined || after <= from || before >= to) continue;
    if (after - before > (longest.ms ?? -1)) longest = { ms: after - before, from: before, to: after };
  }
  return longest;
}

function deliveredOf(
  deliveries: readonly Delivered[],
  from: number,
  to: number,
): Pick<Timeline, 'delivered'> {
  if (deliveries.length === 0) return {};
  const times = deliveries.flatMap((delivered) => delivered.times);
  return { delivered: bucketed(times, from, to) };
}

function bucketed(times: readonly number[], from: number, to: number): number[] {
  const buckets = Array.from({ length: Math.max(1, Math.ceil((to - from) / BUCKET_MS)) }, () => 0);
  for (const at of times) {
    const bucket = Math.floor((at - from) / BUCKET_MS);
    if (bucket >= 0 && bucket < buckets.length) buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  return buckets;
}

/** Nodes tell the time of day; the history runs on the clock of this process. */
function rolesOf(views: readonly NodeView[], fault: number): RoleChange[] {
  return views
    .flatMap(({ nodeId, history }) =>
      history.map(({ at, role, reason }) => {
        return { atMs: Math.round(at - performance.timeOrigin - fault), nodeId, role, reason };
      }),
    )
    .filter(({ atMs }) => atMs >= -BEFORE_MS)
    .sort((a, b) => a.atMs - b.atMs);
}
