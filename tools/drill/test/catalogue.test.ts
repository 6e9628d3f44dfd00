import { describe, expect, it } from 'vitest';
import { drillNamed, drills, listText } from '../src/index.ts';

/** What the project promises to drill. */
const PROMISED = [
  'kill-master',
  'kill-master-mid-roll',
  'kill-slave',
  'kill-reader',
  'freeze-master',
  'cut-master-from-storage',
  'cut-slave-from-master',
  'storage-brownout',
  'storage-outage',
  'lease-broken',
  'leader-document-deleted',
  'storage-rolled-back',
  'handover',
  'restart-everything',
  'redis-down',
  'rolling-restart',
  'second-contender',
  'bus-kill-master',
  'bus-freeze-master',
  'bus-handover',
  'bus-kill-consumer',
  'bus-dead-subscriber',
];

describe('the list of drills', () => {
  it('has every drill that is promised, and none twice', () => {
    const names = drills.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(PROMISED));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(drills)(
    '$name says in sentences what it does, what it expects, and where it can be done',
    (drill) => {
      for (const text of [drill.does, drill.expects]) expect(text).toMatch(/^[A-Z].{20,}\.$/s);
      expect(drill.notFromOutside ?? 'because').toMatch(/^\S.{5,}/);
      for (const { min, max } of [drill.expect.changes, drill.expect.changesAfterHeal]) {
        expect(min).toBeLessThanOrEqual(max);
      }
    },
  );

  it.each(drills)(
    '$name allows no flapping: at most one change of the leader once all is well again',
    (drill) => {
      expect(drill.expect.changesAfterHeal.max).toBeLessThanOrEqual(1);
    },
  );

  it.each(drills)(
    '$name tolerates nothing the checkers find, unless the storage itself was put back',
    (drill) => {
      if (drill.name !== 'storage-rolled-back') expect(drill.expect.findings).toBeUndefined();
    },
  );

  it('offers against a deployed cluster only what any operator could do there', () => {
    const outside = drills.filter(({ notFromOutside }) => notFromOutside === undefined);
    expect(outside.map(({ name }) => name)).toEqual(['observe', 'handover']);
  });

  it('is explained drill by drill', () => {
    const text = listText(drills);
    for (const { name, does } of drills) expect(text).toContain(`${name}\n    ${does}`);
    expect(text).toContain('Against a deployed cluster: no, processes can only be killed');
  });

  it('names what there is when asked for what there is not', () => {
    expect(() => drillNamed('kill-mistress')).toThrow(/no drill kill-mistress; there is .*kill-master/);
  });
});
