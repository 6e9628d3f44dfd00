import { mayBeLeftOut } from './backlogs.ts';
import type { BusLedger, BusMessage, KnownPlace, Visit } from './ledger.ts';

/** What there is to say of a message at a place. */

export function isDead(visit: Visit | undefined): boolean {
  return (visit?.deadLetters.length ?? 0) > 0;
}

/** A consumer has dealt with it, or may have: it said so and was not answered. */
export function isConsumed(visit: Visit | undefined): boolean {
  return (
    visit?.locks.some(
      ({ how, outcome }) => how === 'acknowledged' && (outcome === 'settled' || outcome === 'settling'),
    ) ?? false
  );
}

/** It was in a queue that may throw it away, and is not any more. */
export function isGoneFromStorage(
  { overflow }: KnownPlace,
  { ttlMs }: BusMessage,
  visit: Visit | undefined,
): boolean {
  if (overflow !== 'discard-existing' && ttlMs === undefined) return false;
  const entries = visit?.entries ?? [];
  return entries.length > 0 && entries.every(({ goneAt }) => Number.isFinite(goneAt));
}

/** Somebody was given it here, whatever came of that. */
export function wasGiven(visit: Visit | undefined): boolean {
  if (visit === undefined) return false;
  return visit.seen || visit.locks.length > 0 || visit.pushed > 0 || visit.taken > 0 || isDead(visit);
}

/** It came here: somebody saw it. */
export function hasCome(place: KnownPlace, visit: Visit | undefined): boolean {
  if (visit === undefined) return false;
  switch (place.role) {
    case 'queue':
      return visit.locks.length > 0 || isDead(visit);
    case 'subscriber':
      return visit.taken > 0;
    default:
      return place.final === undefined ? visit.seen : visit.stands.length > 0;
  }
}

/** Nobody can wait for it then: whether it is on its way, only the router knows. */
function isPerhapsLeftOut(
  ledger: BusLedger,
  router: KnownPlace,
  { target, message }: { target: KnownPlace; message: BusMessage },
): boolean {
  return !wasGiven(message.visit(target.name)) && mayBeLeftOut(ledger, router, message);
}

/** It has come to everything it is for, from this place on. A router's own stream is not looked at. */
export function isThrough(ledger: BusLedger, place: KnownPlace, message: BusMessage): boolean {
  const visit = message.visit(place.name);
  if (isDead(visit)) return true;
  switch (place.role) {
    case 'queue':
      return isConsumed(visit) || isGoneFromStorage(place, message, visit);
    case 'router': {
      const through = (target: KnownPlace): boolean =>
        isThrough(ledger, target, message) || isPerhapsLeftOut(ledger, place, { target, message });
      const owed = ledger.owedTo(place, message);
      // A router passes over what nobody wants.
      const isForOne = place.distribution === 'one' && owed.length > 0;
      return isForOne ? ledger.wantedBy(place, message).some(through) : owed.every(through);
    }
    default:
      return hasCome(place, visit);
  }
}
