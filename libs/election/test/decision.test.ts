import { describe, expect, it } from 'vitest';
import { DECISIONS, decide, OBSERVABLE, type Observation } from '../src/index.ts';

/** Every combination of what can be seen. */
function everything(): Observation[] {
  const all: Observation[] = [];
  for (const duty of OBSERVABLE.duty)
    for (const turn of OBSERVABLE.turn)
      for (const lease of OBSERVABLE.lease)
        for (const leader of OBSERVABLE.leader)
          for (const probe of OBSERVABLE.probe)
            for (const storage of OBSERVABLE.storage)
              for (const witnesses of OBSERVABLE.witnesses)
                for (const alone of OBSERVABLE.alone)
                  all.push({ duty, turn, lease, leader, probe, storage, witnesses, alone });
  return all;
}

/** The same decisions, written as a person would explain them. */
function explained(seen: Observation): string {
  if (seen.duty === 'refusing') return 'refuse';
  if (seen.duty === 'observer') return 'stand_by';
  if (seen.lease === 'unknown') return 'look';
  if (seen.turn === 'not_yet') return 'stand_by';
  if (seen.lease === 'free') return 'acquire';
  if (seen.leader === 'none') return 'stand_by';
  if (seen.leader === 'former_self') return 'break';
  const leaderFailed = seen.probe === 'unfit' || seen.probe === 'unreachable';
  if (!leaderFailed || seen.storage === 'unsteady') return 'stand_by';
  if (seen.probe === 'unfit') return 'break';
  if (seen.witnesses === 'asking') return 'stand_by';
  if (seen.witnesses === 'most_reach') return 'stand_by_cut_off';
  if (seen.witnesses === 'most_do_not') return 'break';
  return seen.alone === 'break' ? 'break' : 'stand_by';
}

const combinations = everything();

describe('decision table', () => {
  it('has a row for every one of the combinations, and it says what a person would', () => {
    expect(combinations).toHaveLength(3 * 2 * 3 * 3 * 4 * 2 * 5 * 2);
    const wrong = combinations.filter((seen) => decide(seen).act !== explained(seen));
    expect(wrong).toEqual([]);
  });

  it('has no row that never decides', () => {
    const used = new Set(combinations.map((seen) => decide(seen).id));
    expect(DECISIONS.map((row) => row.id).filter((id) => !used.has(id))).toEqual([]);
  });

  it('gives every row a name of its own and a reason', () => {
    expect(new Set(DECISIONS.map((row) => row.id)).size).toBe(DECISIONS.length);
    for (const row of DECISIONS) expect(row.why).toMatch(/\w.*\.$/);
  });

  it('never takes the lease from another leader that answers well, or that has failed only once', () => {
    const hasty = combinations.filter(
      (seen) =>
        decide(seen).act === 'break' &&
        seen.leader === 'other' &&
        (seen.probe === 'ok' || seen.probe === 'doubtful'),
    );
    expect(hasty).toEqual([]);
  });

  it('never takes the lease from a leader most witnesses reach, unless the leader itself says that it can not lead', () => {
    const wrong = combinations.filter(
      (seen) =>
        decide(seen).act === 'break' &&
        seen.leader === 'other' &&
        seen.probe === 'unreachable' &&
        seen.witnesses === 'most_reach',
    );
    expect(wrong).toEqual([]);
  });

  it('lets only a contender act, and only when it is its turn', () => {
    const acting = combinations.filter((seen) => ['acquire', 'break'].includes(decide(seen).act));
    expect(acting.every((seen) => seen.duty === 'contender' && seen.turn === 'mine')).toBe(true);
  });
});
