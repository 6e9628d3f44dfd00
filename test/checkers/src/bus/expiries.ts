import type { Findings } from '../findings.ts';
import type { BusLedger } from './ledger.ts';
import { wasGiven } from './whereabouts.ts';

/** Has anybody got what was published when its subscription had expired? */
export function checkExpiries(ledger: BusLedger, findings: Findings): void {
  for (const router of ledger.places.values()) {
    for (const [target, until] of router.expiries) {
      for (const message of ledger.messages) {
        if (message.startedAt <= until || !wasGiven(message.visit(target))) continue;
        findings.add('expired', () => {
          const lateMs = Math.round(message.startedAt - until);
          return `${message.name} came to ${target}, and was published ${lateMs} ms after that had to be no subscriber of ${router.name} any more`;
        });
      }
    }
  }
}
