import type { Verdict } from '@message-vault/checkers';
import { type Observed, type RunResult, resultOf } from '../src/run/result.ts';
import type { LeaderPeriod } from '../src/watch.ts';

/** A fault at 10 s, healed at 12 s, the end at 14 s; an acknowledgement every 10 ms but for 0.8 s after the fault. */
function someTimes(): Observed['times'] {
  const acks = Array.from({ length: 400 }, (_, index) => 9_000 + index * 10).filter(
    (at) => at <= 10_000 || at >= 10_800,
  );
  return {
    acks,
    failures: [],
    marks: [
      { at: 10_000, name: 'fault' },
      { at: 12_000, name: 'heal' },
      { at: 14_000, name: 'end' },
    ],
  };
}

export const period = (epoch: number, nodeId: string, at: number, until: number): LeaderPeriod => ({
  epoch,
  nodeId,
  at,
  until,
  url: `http://${nodeId}`,
});

export function someVerdict(changes: Partial<Verdict> = {}): Verdict {
  const messages = { started: 321, acked: 321, failed: 0, unknown: 0, stored: 321 };
  return { ok: true, findings: [], events: 1000, messages, ...changes };
}

/** A takeover as it should be, with what is given changed. */
export function someResult(changes: Partial<Observed> = {}): RunResult {
  return resultOf({
    drill: { expect: { changes: { min: 1, max: 1 }, changesAfterHeal: { min: 0, max: 0 } } },
    run: 1,
    stream: 'drills/some/1',
    startedAt: new Date(0),
    verdict: someVerdict(),
    gaps: [{ mark: 'fault', at: 10_000, acrossMs: 800, longestMs: 800 }],
    times: someTimes(),
    periods: [period(1, 'master-1', 500, 9_950), period(2, 'slave-1', 10_600, 14_100)],
    decisions: [],
    views: [],
    notes: [],
    problems: [],
    retries: new Map(),
    deliveries: [],
    ...changes,
  });
}
