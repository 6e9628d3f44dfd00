import { describe, expect, it } from 'vitest';
import { nextRole, ROLE_STEPS, type Role } from '../src/index.ts';
import { ROLE_EVENTS, ROLES, type RoleEvent } from '../src/roles.ts';

/** For each role what may happen to it, and the role after; everything else is a bug. */
const expected: Record<Role, Partial<Record<RoleEvent, Role>>> = {
  starting: { looked: 'standby', won: 'leading', refused: 'fenced', stop: 'stopped' },
  standby: { won: 'leading', refused: 'fenced', stop: 'stopped' },
  leading: { lost: 'standby', refused: 'fenced', hand_over: 'draining', stop: 'stopped' },
  draining: { lost: 'standby', refused: 'fenced', handed_over: 'standby', won: 'leading', stop: 'stopped' },
  fenced: { cleared: 'standby', stop: 'stopped' },
  stopped: {},
};

const combinations = ROLES.flatMap((from) => ROLE_EVENTS.map((on) => ({ from, on, to: expected[from][on] })));

describe('roles', () => {
  it.each(combinations.filter(({ to }) => to !== undefined))('$from, then $on: $to', ({ from, on, to }) => {
    expect(nextRole(from, on)).toBe(to);
  });

  it.each(combinations.filter(({ to }) => to === undefined))('$from never sees $on', ({ from, on }) => {
    expect(() => nextRole(from, on)).toThrow(/nothing is known to follow/);
  });

  it('can be left from everywhere but stopped', () => {
    for (const role of ROLES.filter((role) => role !== 'stopped'))
      expect(nextRole(role, 'stop')).toBe('stopped');
  });

  it('lists no step twice', () => {
    const steps = ROLE_STEPS.map(({ from, on }) => `${from} ${on}`);
    expect(new Set(steps).size).toBe(steps.length);
  });
});
