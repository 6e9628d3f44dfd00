import { invariant } from '@message-vault/runtime';

export const ROLES = ['starting', 'standby', 'leading', 'draining', 'fenced', 'stopped'] as const;
/** What a node is in the cluster. */
export type Role = (typeof ROLES)[number];

export const ROLE_EVENTS = [
  'looked',
  'won',
  'lost',
  'refused',
  'cleared',
  'hand_over',
  'handed_over',
  'stop',
] as const;
/** What can happen to a role. */
export type RoleEvent = (typeof ROLE_EVENTS)[number];

export interface RoleStep {
  readonly from: Role;
  readonly on: RoleEvent;
  readonly to: Role;
}

/**
 * Every step from role to role; one that is not here is a bug.
 *
 *     starting   has not seen the storage yet          looked       the storage has been seen, somebody else may lead
 *     standby    watches the leader                    won          holds the lease and an epoch of its own
 *     leading    holds the lease, may write            lost         the lease or the epoch is somebody else's, or expired
 *     draining   finishes what is in flight and hands  hand_over    planned: begins to let go
 *                over                                  handed_over  somebody else leads, or nobody does and this node won't
 *     fenced     refuses to lead until a person acts   refused      the storage contradicts what is known of it
 *     stopped    for good                              cleared      it does not any more
 */
export const ROLE_STEPS: readonly RoleStep[] = [
  { from: 'starting', on: 'looked', to: 'standby' },
  { from: 'starting', on: 'won', to: 'leading' },
  { from: 'starting', on: 'refused', to: 'fenced' },
  { from: 'starting', on: 'stop', to: 'stopped' },
  { from: 'standby', on: 'won', to: 'leading' },
  { from: 'standby', on: 'refused', to: 'fenced' },
  { from: 'standby', on: 'stop', to: 'stopped' },
  { from: 'leading', on: 'lost', to: 'standby' },
  { from: 'leading', on: 'refused', to: 'fenced' },
  { from: 'leading', on: 'hand_over', to: 'draining' },
  { from: 'leading', on: 'stop', to: 'stopped' },
  { from: 'draining', on: 'lost', to: 'standby' },
  { from: 'draining', on: 'refused', to: 'fenced' },
  { from: 'draining', on: 'handed_over', to: 'standby' },
  { from: 'draining', on: 'won', to: 'leading' },
  { from: 'draining', on: 'stop', to: 'stopped' },
  { from: 'fenced', on: 'cleared', to: 'standby' },
  { from: 'fenced', on: 'stop', to: 'stopped' },
];

/** The role after `on` happened in `from`. */
export function nextRole(from: Role, on: RoleEvent): Role {
  const step = ROLE_STEPS.find((candidate) => candidate.from === from && candidate.on === on);
  invariant(step, `nothing is known to follow "${on}" in the role ${from}`);
  return step.to;
}
