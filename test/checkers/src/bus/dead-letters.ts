import type { Findings } from '../findings.ts';
import type { BusLedger, BusMessage, KnownPlace, Visit } from './ledger.ts';
import { isConsumed, isDead } from './whereabouts.ts';

/** Every dead letter has a history, and nothing that was to become one is missing. */
export function checkDeadLetters(ledger: BusLedger, findings: Findings): void {
  for (const message of ledger.messages) {
    for (const place of ledger.places.values()) {
      const visit = message.visit(place.name);
      if (visit === undefined) continue;
      if (place.role === 'queue') buried(place, message, visit, findings);
      for (const letter of visit.deadLetters) {
        if (letter.source === place.name && letter.reason !== '') continue;
        findings.add('dead-letters', () => {
          return `${message.name} is among the dead letters of ${place.name}, and says it comes from ${letter.source || 'nowhere'}, because ${letter.reason || 'of nothing'}`;
        });
      }
    }
  }
}

function buried(place: KnownPlace, message: BusMessage, visit: Visit, findings: Findings): void {
  const byHand = visit.locks.find(({ how, outcome }) => how === 'dead-lettered' && outcome === 'settled');
  if (byHand !== undefined && !isDead(visit)) {
    findings.add('dead-letters', () => {
      return `${byHand.consumer} was told that ${message.name} of ${place.name} is dead-lettered, and it is not among the dead letters`;
    });
  }
  if (!isDead(visit)) return;
  const gaveUp = visit.locks.some(({ how, outcome }) => how !== 'acknowledged' || outcome !== 'settled');
  if (gaveUp) return;
  findings.add('dead-letters', () => {
    const who = isConsumed(visit) ? 'everybody who was given it has acknowledged it' : 'nobody was given it';
    return `${message.name} is among the dead letters of ${place.name}, though ${who}`;
  });
}
