import type { Findings } from '../findings.ts';
import { type BusLedger, type BusMessage, type KnownPlace, wants } from './ledger.ts';
import { isDead, wasGiven } from './whereabouts.ts';

/** Has anybody got what the filters of the routers in front leave out? */
export function checkFilters(ledger: BusLedger, findings: Findings): void {
  const places = [...ledger.places.values()];
  if (places.every(({ filters }) => filters.size === 0)) return;
  for (const message of ledger.messages) {
    for (const place of places) {
      const isFor = isForPlace(places, place, message);
      if (!isFor && wasGiven(message.visit(place.name)))
        findings.add('unwanted', () => {
          return `${message.name}, labelled '${message.label}', came to ${place.name}, which no router in front of it is to give that`;
        });
    }
    for (const router of places) forNobody(ledger, router, message, findings);
  }
}

/** Whoever has no router in front of it is only given what is published to it. */
function isForPlace(places: readonly KnownPlace[], { name }: KnownPlace, message: BusMessage): boolean {
  const sources = places.filter(({ targets }) => targets?.includes(name));
  if (message.root === name || sources.length === 0) return true;
  return sources.some((source) => wants(source, name, message));
}

/** What a router passes over for everybody can't have failed with somebody. */
function forNobody(ledger: BusLedger, router: KnownPlace, message: BusMessage, findings: Findings): void {
  if (router.role !== 'router' || !isDead(message.visit(router.name))) return;
  if (ledger.wantedBy(router, message).length > 0) return;
  findings.add('unwanted', () => {
    return `${message.name}, labelled '${message.label}', is among the dead letters of ${router.name}, where nobody wants it`;
  });
}
