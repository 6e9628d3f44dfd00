import type { Findings } from '../findings.ts';
import type { BusLedger, BusMessage, KnownPlace } from './ledger.ts';

/** What streams, and the streams of routers, hold in the end: each message once, in the order it came in. */
export function checkLogs(ledger: BusLedger, findings: Findings): void {
  for (const place of ledger.places.values()) {
    if (place.role !== 'stream' && place.role !== 'router') continue;
    if (place.final === undefined)
      findings.add(
        'incomplete',
        () => `nobody read ${place.name} to the end after everything had come to rest`,
      );
    else if (place.final.earliest > 0)
      findings.add('incomplete', () => `the beginning of ${place.name} was given up before it was read`);
    else checkLog(ledger, place, findings);
  }
}

function checkLog(ledger: BusLedger, place: KnownPlace, findings: Findings): void {
  const sources = [...ledger.places.values()].filter(({ targets }) => targets?.includes(place.name));
  // With several sources only each producer's own order is known; with one that chooses not even that, see below.
  const [source] = sources.length === 1 ? sources : [];
  const isOrdered = !sources.some((each) => passesOn(ledger, each));
  const lastOf = new Map<string, BusMessage>();
  let last: BusMessage | undefined;
  const inOrder = [...(place.final?.messages ?? [])].sort(([a], [b]) => a - b);
  for (const [at, message] of inOrder) {
    const isAnew = ledger.mayBeRedriven(place, message);
    if (!isAnew) repeated(place, message, at, findings);
    const before = lastOf.get(message.producer);
    if (isOrdered && !isAnew && before !== undefined && before.sequence > message.sequence)
      findings.add('reordered', () => `${message.name} stands behind ${before.name} in ${place.name}`);
    lastOf.set(message.producer, message);
    if (isOrdered && !isAnew && source !== undefined && last !== undefined)
      followsSource(source, place, [last, message], findings);
    if (!isAnew) last = message;
    if (message.root === place.name) whereItWasAccepted(place, message, at, findings);
  }
}

/**
 * A router `one` gives what a subscriber could not take, or had not when it was paused, to another one, later. A stream or
 * router takes all it is given.
 */
function passesOn(ledger: BusLedger, router: KnownPlace): boolean {
  const takesAll = ({ role }: KnownPlace): boolean => role === 'stream' || role === 'router';
  if (router.distribution !== 'one') return false;
  return ledger.interrupted.has(router.name) || !ledger.targetsOf(router).every(takesAll);
}

function repeated({ name }: KnownPlace, message: BusMessage, at: number, findings: Findings): void {
  const [first = at] = message.visit(name)?.stands ?? [];
  if (first === at) return;
  findings.add(
    'duplicated',
    () => `${message.name} stands in ${name} at sequence numbers ${first} and ${at}`,
  );
}

function followsSource(
  source: KnownPlace,
  place: KnownPlace,
  [before, message]: [BusMessage, BusMessage],
  findings: Findings,
): void {
  const [earlier] = before.visit(source.name)?.stands ?? [];
  const [later] = message.visit(source.name)?.stands ?? [];
  if (earlier === undefined || later === undefined || earlier <= later) return;
  findings.add('reordered', () => {
    return `${message.name} stands behind ${before.name} in ${place.name}, and before it in ${source.name}`;
  });
}

function whereItWasAccepted({ name }: KnownPlace, message: BusMessage, at: number, findings: Findings): void {
  if (message.acceptedAs === undefined || message.acceptedAs === at) return;
  findings.add('divergent', () => {
    return `${message.name} was accepted by ${name} as sequence number ${message.acceptedAs}, and stands at ${at}`;
  });
}
