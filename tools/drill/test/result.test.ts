import { describe, expect, it } from 'vitest';
import { longestSilence } from '../src/run/timeline.ts';
import { period, someResult, someVerdict } from './some-run.ts';

describe('the verdict on a run', () => {
  it('is good for a takeover as it should be', () => {
    const { ok, problems, changes, changesAfterHeal, gapMs } = someResult();
    expect({ ok, problems, changes, changesAfterHeal, gapMs }).toEqual({
      ok: true,
      problems: [],
      changes: 1,
      changesAfterHeal: 0,
      gapMs: 800,
    });
  });

  it('is bad for anything the checkers found, and says what', () => {
    const findings = [{ check: 'lost' as const, count: 3, first: 'producer-1 #7 is gone' }];
    const { ok, problems } = someResult({ verdict: someVerdict({ ok: false, findings }) });
    expect({ ok, problems }).toEqual({ ok: false, problems: ['lost × 3: producer-1 #7 is gone'] });
  });

  it('tolerates only the findings that the fault itself accounts for, and notes them', () => {
    const expectations = { changes: { min: 1, max: 1 }, changesAfterHeal: { min: 0, max: 0 } };
    const findings = [
      { check: 'lost' as const, count: 3, first: 'gone' },
      { check: 'divergent' as const, count: 1, first: 'two at one place' },
    ];
    const { problems, notes } = someResult({
      drill: { expect: { ...expectations, findings: ['lost'] } },
      verdict: someVerdict({ ok: false, findings }),
    });
    expect(problems).toEqual(['divergent × 1: two at one place']);
    expect(notes).toEqual(['lost × 3: the fault itself did that.']);
  });

  it('is bad when nobody took over', () => {
    const { problems } = someResult({ periods: [period(1, 'master-1', 500, 14_000)] });
    expect(problems).toEqual(['leadership changed 0 times; 1 would be right']);
  });

  it('is bad when leadership changes again after the fault has healed', () => {
    const periods = [
      period(1, 'master-1', 500, 9_950),
      period(2, 'slave-1', 10_600, 12_900),
      period(3, 'master-1', 13_000, 14_100),
    ];
    expect(someResult({ periods }).problems).toEqual([
      'after the fault had healed, leadership changed 1 times; 0 would be right',
    ]);
  });

  it('counts a publish whose outcome stayed unknown as failed', () => {
    const messages = { started: 10, acked: 8, failed: 1, unknown: 1, stored: 9 };
    const { problems, failedPublishes } = someResult({ verdict: someVerdict({ messages }) });
    expect(failedPublishes).toBe(2);
    expect(problems).toEqual(['2 publishes failed; at most 0 may']);
  });

  it('keeps what went wrong with the run itself', () => {
    const { ok, problems } = someResult({ problems: ['tail-1 could not go on'] });
    expect({ ok, problems }).toEqual({ ok: false, problems: ['tail-1 could not go on'] });
  });
});

describe('the timeline of a run', () => {
  const { timeline, recoveryMs, quietMs } = someResult();

  it('counts from the fault, in buckets that hold every acknowledgement', () => {
    expect([timeline.fromMs, timeline.toMs, timeline.bucketMs]).toEqual([-1000, 4000, 50]);
    expect(timeline.acks.length).toBe(100);
    expect(timeline.acks.slice(0, 3)).toEqual([5, 5, 5]);
    expect(timeline.acks.reduce((sum, count) => sum + count, 0)).toBe(400 - 79);
  });

  it('shows where the gap is, and who led when', () => {
    expect(timeline.gap).toEqual({ fromMs: 0, toMs: 800 });
    expect(timeline.leaders).toEqual([
      { fromMs: -9500, toMs: -50, nodeId: 'master-1', epoch: 1 },
      { fromMs: 600, toMs: 4000, nodeId: 'slave-1', epoch: 2 },
    ]);
  });

  it('tells what the standbys made of it', () => {
    const decisions = [
      { at: 3_000, nodeId: 'slave-1', decision: 'leader_well' },
      { at: 10_400, nodeId: 'slave-1', decision: 'leader_dead' },
    ];
    expect(someResult({ decisions }).timeline.decisions).toEqual([
      { atMs: 400, nodeId: 'slave-1', decision: 'leader_dead' },
    ]);
  });

  it('tells how long publishing took to go on after the heal, and how calm it was before the fault', () => {
    expect([recoveryMs, quietMs]).toEqual([10, 10]);
  });

  it('sees a silence that nothing ended', () => {
    expect(longestSilence([0, 10, 20], 5, 1000)).toEqual({ ms: 980, from: 20, to: 1000 });
  });

  it('sees a silence that began before the time asked about and ended after it', () => {
    expect(longestSilence([0, 500, 510], 100, 200)).toEqual({ ms: 500, from: 0, to: 500 });
  });
});
