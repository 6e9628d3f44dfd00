import type { CheckName } from '@message-vault/checkers';
import type { RunResult } from '../run/result.ts';

interface Check {
  /** As a person says it after a number: `0 lost`. */
  readonly label: string;
  readonly finds: readonly CheckName[];
}

/** What must not be, in the words of the protocol's invariants, and which findings of the checkers show it. */
const CHECKS: readonly Check[] = [
  { label: 'lost', finds: ['lost'] },
  { label: 'duplicated', finds: ['duplicated'] },
  { label: 'reordered', finds: ['reordered'] },
  { label: 'torn', finds: ['corrupt'] },
  { label: 'un-read', finds: ['unread'] },
  { label: 'divergent', finds: ['divergent'] },
  { label: 'gaps', finds: ['gap', 'disordered'] },
  { label: 'two leaders', finds: ['two-leaders'] },
  { label: 'epochs gone back', finds: ['epoch-back'] },
  { label: 'failed but stored', finds: ['failed-but-stored'] },
  { label: 'not read to the end', finds: ['incomplete'] },
  { label: 'missed by a subscriber', finds: ['missed'] },
  { label: 'taken by two', finds: ['two-takers'] },
  { label: 'locks broken', finds: ['lock-broken', 'settled-late', 'given-again'] },
  { label: 'dead letters wrong', finds: ['dead-letters'] },
];

export interface CheckCount {
  readonly label: string;
  readonly count: number;
}

/** How often each was found in all of `runs`, in the order of the list. */
export function checkCounts(runs: readonly Pick<RunResult, 'findings'>[]): CheckCount[] {
  const findings = runs.flatMap((run) => run.findings);
  return CHECKS.map(({ label, finds }) => {
    const matching = findings.filter(({ check }) => finds.includes(check));
    return { label, count: matching.reduce((sum, { count }) => sum + count, 0) };
  });
}
