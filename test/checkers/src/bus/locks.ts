import { HistoryError } from '../events.ts';
import type { Findings } from '../findings.ts';
import type { BusEvent, Locked, Settlement } from './events.ts';

/** A lock as its consumer knew it. */
export interface HeldLock extends Omit<Locked, 'kind'> {
  /** When the consumer began to give it up. */
  endedAt: number;
  /** When it was told that this was done. */
  settledAt: number | undefined;
  how: Settlement | undefined;
  outcome: 'held' | 'settling' | 'settled' | 'lost';
  /** Before it was renewed. */
  readonly firstUntil: number;
}

/** Consumers tell the time to the millisecond. */
const CLOCK_MS = 2;

/** All locks of a history. What they must not do is judged at the end: recorders of several processes come as they like. */
export class LockBook {
  readonly #locks = new Map<string, HeldLock>();

  grant(event: Locked): HeldLock {
    if (this.#locks.has(event.lock))
      throw new HistoryError('contradiction', `the lock ${event.lock} was given twice`);
    const lock: HeldLock = {
      ...event,
      firstUntil: event.until,
      endedAt: Number.POSITIVE_INFINITY,
      settledAt: undefined,
      how: undefined,
      outcome: 'held',
    };
    this.#locks.set(event.lock, lock);
    return lock;
  }

  change(
    event: Extract<BusEvent, { lock: string; kind: 'renewed' | 'settling' | 'settled' | 'lock-lost' }>,
  ): void {
    const lock = this.#locks.get(event.lock);
    if (lock === undefined)
      throw new HistoryError('contradiction', `nobody was given the lock ${event.lock}`);
    switch (event.kind) {
      case 'renewed':
        lock.until = Math.max(lock.until, event.until);
        break;
      case 'settling':
        lock.endedAt = event.at;
        lock.how = event.how;
        lock.outcome = 'settling';
        break;
      case 'settled':
        lock.settledAt = event.at;
        lock.how = event.how;
        lock.outcome = 'settled';
        break;
      case 'lock-lost':
        lock.endedAt = Math.min(lock.endedAt, event.at);
        lock.outcome = 'lost';
        break;
    }
  }

  /** Judges each entry of a queue on its own. */
  judge(findings: Findings): void {
    const copies = Map.groupBy(this.#locks.values(), ({ queue, copy }) => `${queue}\n${copy}`);
    for (const locks of copies.values()) {
      // As they were given: a consumer may hear of a lock when it is long over.
      const inOrder = locks.toSorted((a, b) => a.delivery - b.delivery || a.at - b.at);
      for (const [index, later] of inOrder.entries()) {
        for (const earlier of inOrder.slice(0, index)) judgePair(earlier, later, findings);
      }
    }
  }
}

function judgePair(earlier: HeldLock, later: HeldLock, findings: Findings): void {
  const told = `${later.consumer} was given ${describe(later)} while ${earlier.consumer}`;
  if (later.at < Math.min(earlier.until, earlier.endedAt) - CLOCK_MS) {
    const left = Math.round(earlier.until - later.at);
    findings.add('lock-broken', () => `${told} had it under lock for another ${left} ms`);
  }
  if (earlier.outcome !== 'settled') return;
  if (earlier.endedAt > later.at + CLOCK_MS) {
    findings.add('settled-late', () => {
      return `${earlier.consumer} was told that ${describe(earlier)} is ${earlier.how}, ${Math.round(earlier.endedAt - later.at)} ms after ${later.consumer} had been given it`;
    });
  } else if (earlier.how !== 'given-back' && (earlier.settledAt ?? 0) < later.at - CLOCK_MS) {
    findings.add('given-again', () => {
      return `${later.consumer} was given ${describe(later)}, which ${earlier.consumer} had been told was ${earlier.how}`;
    });
  }
}

const describe = ({ producer, sequence, queue, delivery }: HeldLock): string =>
  `${producer} #${sequence} of ${queue} (delivery ${delivery})`;
