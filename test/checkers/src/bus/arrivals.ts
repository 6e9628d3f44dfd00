import type { Findings } from '../findings.ts';
import { mayBeLeftOut } from './backlogs.ts';
import type { BusLedger, BusMessage, KnownPlace } from './ledger.ts';
import { hasCome, isConsumed, isDead, isGoneFromStorage } from './whereabouts.ts';

/** Has every message that was taken come to all it is for? */
export function checkArrivals(ledger: BusLedger, findings: Findings): void {
  for (const message of ledger.messages) {
    if (message.root === undefined) continue;
    const root = ledger.place(message.root);
    if (message.outcome === 'accepted') due(ledger, root, message, findings, undefined);
    // Nobody was promised anything; but what is in, is for everybody.
    else if (hasCome(root, message.visit(root.name))) due(ledger, root, message, findings, undefined);
  }
}

/** `via`: the router it must come from; undefined where it was published to. */
function due(
  ledger: BusLedger,
  place: KnownPlace,
  message: BusMessage,
  findings: Findings,
  via: KnownPlace | undefined,
): void {
  const visit = message.visit(place.name);
  // Whether it may have gone is judged entry by entry.
  if (isGoneFromStorage(place, message, visit)) return;
  if (!hasCome(place, visit)) {
    // A router gives up on those who don't answer, and says so.
    if (via !== undefined && place.role === 'subscriber' && isDead(message.visit(via.name))) return;
    if (via !== undefined && mayBeLeftOut(ledger, via, message)) return;
    absent(place, message, findings, via);
    return;
  }
  if (place.role === 'queue' && !isConsumed(visit) && !isDead(visit)) {
    findings.add('lost', () => {
      return `${message.name} was given out by ${place.name} ${visit?.locks.length} times, acknowledged by nobody, and has not come back`;
    });
  }
  if (place.role !== 'router') return;
  if (place.distribution === 'one') toOne(ledger, place, message, findings);
  else for (const target of ledger.owedTo(place, message)) due(ledger, target, message, findings, place);
}

function absent(
  place: KnownPlace,
  message: BusMessage,
  findings: Findings,
  via: KnownPlace | undefined,
): void {
  if (via === undefined)
    findings.add('lost', () => `${message.name} was accepted by ${place.name} and never seen again`);
  else
    findings.add('missed', () => `${message.name}, which is in ${via.name}, did not come to ${place.name}`);
}

function toOne(ledger: BusLedger, router: KnownPlace, message: BusMessage, findings: Findings): void {
  const chosen = ledger.targetsOf(router).filter((target) => hasCome(target, message.visit(target.name)));
  if (chosen.length > 1 && !ledger.mayBeRedriven(router, message)) {
    findings.add('two-takers', () => {
      return `${message.name} was acknowledged by ${chosen.map(({ name }) => name).join(' and by ')}, of which ${router.name} is to choose one`;
    });
  }
  const isWanted = ledger.owedTo(router, message).length > 0;
  const mayBeNowhere = isDead(message.visit(router.name)) || mayBeLeftOut(ledger, router, message);
  if (chosen.length === 0 && isWanted && !mayBeNowhere)
    findings.add(
      'missed',
      () => `${message.name}, which is in ${router.name}, came to none of its subscribers`,
    );
  for (const target of chosen) due(ledger, target, message, findings, router);
}
