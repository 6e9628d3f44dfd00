import type { Findings } from '../findings.ts';
import type { Entry, EntryBook } from './entries.ts';
import type { BusLedger, BusMessage, KnownPlace, Visit } from './ledger.ts';

/** Nodes tell the time to the millisecond, and go by times of before they ask. */
const CLOCK_MS = 10;
/** How old a node's count of a queue may be, and how much it may be wrong for what is being removed meanwhile. */
const COUNTED_MS = 1000;
const MISCOUNTED = 4;
/** What is about to come in is counted, too. */
const INCOMING = 6;
/** Storage that is slow, or refuses for load, is waited for so long. */
const SLOW_MS = 12_000;

/** Did queues with a limit keep to it, and throw away what they may, and nothing else? */
export function checkEntries(ledger: BusLedger, book: EntryBook, findings: Findings): void {
  for (const place of ledger.places.values()) {
    if (place.role !== 'queue' || place.limit === undefined) continue;
    const entries = book.of(place.name);
    for (const entry of entries) {
      const message = ledger.message(entry.producer, entry.sequence);
      overfull(place, { entry, message, entries }, findings);
      if (Number.isFinite(entry.goneAt)) thrownAway(place, { entry, message, entries }, findings);
    }
    for (const message of ledger.messages) outlived(place, message, findings);
  }
}

interface Found {
  readonly entry: Entry;
  readonly message: BusMessage;
  /** All of the queue. */
  readonly entries: readonly Entry[];
}

/** What was there before any count this message was let in by, and was still there when it came, takes its room. */
function overfull(place: KnownPlace, { entry, message, entries }: Found, findings: Findings): void {
  const { limit = Number.POSITIVE_INFINITY, name } = place;
  if ((entry.redrives ?? 0) > 0 || message.root !== name) return;
  const knownFrom = message.startedAt - COUNTED_MS - CLOCK_MS;
  const before = entries.filter(({ at, goneAt }) => at < knownFrom && goneAt > entry.at);
  if (before.length < limit + MISCOUNTED) return;
  findings.add('overfull', () => {
    return `${message.name} was let into ${name}, which holds ${limit} and had had ${before.length} for a second`;
  });
}

function thrownAway(place: KnownPlace, found: Found, findings: Findings): void {
  const { entry, message } = found;
  const { name, overflow } = place;
  if (isDealtWith(message.visit(name), entry)) return;
  if (isPast(message, entry.goneAt)) return;
  const why = overflow === 'discard-existing' ? whyNotDiscarded(place, found) : 'nobody was done with it';
  if (why === undefined) return;
  findings.add('discarded', () => `${message.name} was thrown away by ${name}, and ${why}`);
}

/** A consumer has dealt with this very entry, or may have, or it is among the dead letters. */
function isDealtWith(visit: Visit | undefined, { copy }: Entry): boolean {
  if (visit === undefined) return false;
  const isDone = visit.locks.some(
    (lock) =>
      lock.copy === copy && lock.how !== undefined && lock.how !== 'given-back' && lock.outcome !== 'lost',
  );
  return isDone || visit.buried > 0;
}

/** Its time to live may be over. */
function isPast({ startedAt, ttlMs }: BusMessage, at: number): boolean {
  return ttlMs !== undefined && at >= startedAt + ttlMs - CLOCK_MS;
}

/** Room is made by the oldest that wait, and only where there is none. */
function whyNotDiscarded({ limit = 0 }: KnownPlace, { entry, entries }: Found): string | undefined {
  const older = entries.find(
    ({ at, fetchedAt, goneAt }) => at < entry.at && fetchedAt > entry.goneAt && goneAt > entry.goneAt,
  );
  if (older !== undefined) return `${older.producer} #${older.sequence}, which is older, waited`;
  const most = mostAround(entry.goneAt, entries);
  return most + INCOMING >= limit ? undefined : `it had held no more than ${most}`;
}

/** The most messages the queue held at a time about then. */
function mostAround(at: number, entries: readonly Entry[]): number {
  const near = entries.filter((each) => each.at <= at + SLOW_MS && each.goneAt >= at - SLOW_MS);
  const counts = near.map(
    ({ at: then }) => near.filter((each) => each.at <= then && each.goneAt > then).length,
  );
  return Math.max(0, ...counts);
}

/** An entry was given out, for the first life of its message, when that was over. */
function outlived(place: KnownPlace, message: BusMessage, findings: Findings): void {
  const { ttlMs } = message;
  const visit = message.visit(place.name);
  const { lockMs } = place;
  if (ttlMs === undefined || visit === undefined || lockMs === undefined) return;
  for (const { copy, redrives = 0, firstUntil } of visit.locks) {
    const entry = visit.entries.find((each) => each.copy === copy);
    if (redrives > 0 || entry === undefined) continue;
    const lateMs = firstUntil - lockMs - (entry.at + ttlMs);
    if (lateMs <= CLOCK_MS) continue;
    findings.add('outlived', () => {
      return `${message.name} was given out by ${place.name} ${Math.round(lateMs)} ms after its time to live`;
    });
  }
}
