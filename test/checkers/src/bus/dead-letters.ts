import type { Findings } from '../findings.ts';
import type { BodyBook } from './bodies.ts';
import type { BusLedger, BusMessage, KnownPlace, Visit } from './ledger.ts';
import { isConsumed, isDead } from './whereabouts.ts';

/** Every dead letter has a history, and nothing that was to become one is missing. */
export function checkDeadLetters(
  ledger: BusLedger,
  bodies: Pick<BodyBook, 'hasTwin'>,
  findings: Findings,
): void {
  for (const message of ledger.messages) {
    for (const { name } of hasVanished(ledger, message)) {
      findings.add('vanished', () => {
        return `${message.name} was put among the dead letters of ${name} ${message.visit(name)?.buried} times; not all of that is there, and nobody was given it again`;
      });
    }
    for (const place of ledger.places.values()) {
      const visit = message.visit(place.name);
      if (visit === undefined) continue;
      if (place.role === 'queue') buried(place, { message, visit, bodies }, findings);
      for (const letter of visit.deadLetters) {
        if (letter.source === place.name && letter.reason !== '') continue;
        findings.add('dead-letters', () => {
          return `${message.name} is among the dead letters of ${place.name}, and says it comes from ${letter.source || 'nowhere'}, because ${letter.reason || 'of nothing'}`;
        });
      }
    }
  }
}

interface Buried {
  readonly message: BusMessage;
  readonly visit: Visit;
  readonly bodies: Pick<BodyBook, 'hasTwin'>;
}

function buried(place: KnownPlace, { message, visit, bodies }: Buried, findings: Findings): void {
  // As long as a message waits to be moved, it makes room like any other.
  const mayBeThrownAway = place.overflow === 'discard-existing';
  const isMissing = !isDead(visit) && visit.buried === 0 && !mayBeThrownAway;
  // The dead letter of one of two that came with one body is empty when the other was dealt with before.
  const byHand = visit.locks.find(
    ({ how, outcome, copy }) =>
      isMissing && how === 'dead-lettered' && outcome === 'settled' && !bodies.hasTwin(copy),
  );
  if (byHand !== undefined) {
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

/** Places among whose dead letters the message is fewer times than it should be. */
export function hasVanished(ledger: BusLedger, message: BusMessage): KnownPlace[] {
  if (message.graves.size === 0) return [];
  return [...message.graves]
    .map((name) => ledger.place(name))
    .filter((place) => {
      const { buried, deadLetters } = message.at(place.name);
      return deadLetters.length + broughtBack(ledger, place, message) < buried;
    });
}

/** How many times it is known to have come back from the dead letters of a place, at the most. */
function broughtBack(ledger: BusLedger, place: KnownPlace, message: BusMessage): number {
  const visit = message.visit(place.name);
  if (place.role === 'queue') {
    const anew = [...(visit?.locks ?? []), ...(visit?.entries ?? [])].filter(
      ({ redrives = 0 }) => redrives > 0,
    );
    return new Set(anew.map(({ copy }) => copy)).size;
  }
  // Each time it is taken in anew, as is seen in the end; the first time it came from elsewhere.
  if (place.distribution === 'one')
    return place.final === undefined ? Number.POSITIVE_INFINITY : (visit?.stands.length ?? 0) - 1;
  const given = ledger.targetsOf(place).map(({ name }) => message.visit(name)?.taken ?? 0);
  return given.reduce((sum, taken) => sum + taken, 0);
}
