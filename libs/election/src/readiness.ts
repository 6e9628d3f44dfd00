import type { Alarm } from './alarms.ts';
import type { Role } from './roles.ts';
import type { Readiness } from './state.ts';
import type { Term } from './term.ts';

const READY: Readiness = { ready: true, reason: undefined };

/** Whether a node can do what its role asks of it: what others hear when they probe it. */
export function readinessOf(node: {
  readonly role: Role;
  readonly term: Term | undefined;
  readonly storageAnswers: boolean;
  readonly alarms: readonly Alarm[];
}): Readiness {
  if (node.term !== undefined && !node.term.isLeading()) return notReady('the lease has run out');
  if (node.term !== undefined || node.role === 'standby') {
    return node.storageAnswers ? READY : notReady('the storage does not answer');
  }
  if (node.role === 'draining') return notReady('handing over');
  return notReady(node.alarms[0]?.message ?? node.role);
}

function notReady(reason: string): Readiness {
  return { ready: false, reason };
}
