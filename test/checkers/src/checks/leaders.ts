import type { Findings } from '../findings.ts';

/** Who led when: an epoch has one leader, and no observer sees epochs go back. */
export class LeaderCheck {
  readonly #leaders = new Map<number, { nodeId: string; observer: string }>();
  readonly #newest = new Map<string, { epoch: number; nodeId: string }>();

  /** Somebody says who leads. Different people may say it in any order. */
  said(observer: string, nodeId: string, epoch: number, findings: Findings): void {
    const known = this.#leaders.get(epoch);
    if (!known) this.#leaders.set(epoch, { nodeId, observer });
    else if (known.nodeId !== nodeId) {
      findings.add('two-leaders', () => {
        return `epoch ${epoch} is led by ${known.nodeId} for ${known.observer} and by ${nodeId} for ${observer}`;
      });
    }
  }

  /** One observer watches who leads over time. */
  saw(observer: string, nodeId: string, epoch: number, findings: Findings): void {
    this.said(observer, nodeId, epoch, findings);
    const newest = this.#newest.get(observer);
    if (newest && epoch < newest.epoch) {
      findings.add('epoch-back', () => {
        return `${observer} saw epoch ${epoch} (${nodeId}) after epoch ${newest.epoch} (${newest.nodeId})`;
      });
      return;
    }
    this.#newest.set(observer, { epoch, nodeId });
  }
}
