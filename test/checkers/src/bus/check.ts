import type { FinalRead, HistoryEvent } from '../events.ts';
import type { Findings } from '../findings.ts';
import { checkArrivals } from './arrivals.ts';
import { BodyBook, type BodyEvent } from './bodies.ts';
import { checkDeadLetters, hasVanished } from './dead-letters.ts';
import { EntryBook } from './entries.ts';
import type { BusEvent } from './events.ts';
import { checkExpiries } from './expiries.ts';
import { checkFilters } from './filters.ts';
import { BusLedger, type BusMessage } from './ledger.ts';
import { checkEntries } from './limits.ts';
import { LockBook } from './locks.ts';
import { checkLogs } from './logs.ts';
import { isThrough } from './whereabouts.ts';

/** What of the events of streams can be about a place. */
export type BusCheckEvent =
  | BusEvent
  | Extract<HistoryEvent, { kind: 'start' | 'fail' | 'unknown' | 'final' | 'read' }>;

type Given = Exclude<Extract<BusCheckEvent, { hash: number }>, { kind: 'start' }>;

export interface BusCounts {
  started: number;
  acked: number;
  failed: number;
  unknown: number;
  stored: number;
}

/** Judges what happens in queues and routers. About a kilobyte a message: a history of some hundred thousand at most. */
export class BusChecker {
  readonly #ledger = new BusLedger();
  readonly #locks = new LockBook();
  readonly #entries = new EntryBook();
  readonly #bodies = new BodyBook();
  #atRest = false;

  /** Whether this was told of as a place: then what is published to it and read from it belongs here. */
  knows(name: string): boolean {
    return this.#ledger.places.has(name);
  }

  /** Throws HistoryError when the history contradicts itself. */
  add(event: BusCheckEvent, findings: Findings): void {
    if ('body' in event) this.#bodies.add(event, findings);
    else this.#take(event);
    if ('hash' in event && event.kind !== 'start') this.#judgeGiven(event, findings);
  }

  #take(event: Exclude<BusCheckEvent, BodyEvent>): void {
    switch (event.kind) {
      case 'place':
        this.#ledger.declare(event);
        break;
      case 'filtered':
        this.#ledger.filter(event);
        break;
      case 'expires':
        this.#ledger.expire(event);
        break;
      case 'paused':
        this.#ledger.pause(event);
        break;
      case 'resumes':
        this.#ledger.resume(event);
        break;
      case 'rested':
        this.#ledger.restedAt = event.at;
        break;
      case 'start': {
        const message = this.#message(event);
        message.root = event.stream;
        message.hash = event.hash;
        Object.assign(message, { label: event.label ?? '', startedAt: event.at, ttlMs: event.ttlMs });
        break;
      }
      case 'put-in':
        this.#message(event).at(event.queue).entries.push(this.#entries.put(event));
        break;
      case 'fetched':
      case 'taken-out':
        this.#entries.change(event);
        break;
      case 'accepted':
        Object.assign(this.#message(event), { outcome: 'accepted', acceptedAs: event.sequenceNumber });
        break;
      case 'fail':
        this.#message(event).outcome = 'failed';
        break;
      case 'unknown':
        this.#message(event).outcome = 'unknown';
        break;
      case 'locked':
        this.#message(event).at(event.queue).locks.push(this.#locks.grant(event));
        break;
      case 'renewed':
      case 'settling':
      case 'settled':
      case 'lock-lost':
        this.#locks.change(event);
        break;
      case 'pushed':
        this.#message(event).at(event.subscriber).pushed += 1;
        break;
      case 'taken':
        this.#message(event).at(event.subscriber).taken += 1;
        break;
      case 'buried':
        this.#message(event).bury(event.of);
        break;
      case 'dead-letter':
        this.#message(event).at(event.of).deadLetters.push(event);
        break;
      case 'final':
        this.#final(event);
        break;
      case 'read':
        this.#ledger.read(event);
        break;
      case 'tidied':
        this.#bodies.tidied();
        break;
      case 'at-rest':
        this.#atRest = true;
        break;
    }
  }

  /** Accepted messages that have not come to everything they are for, and dead letters nobody has seen since. */
  outstanding(): number {
    let count = 0;
    for (const message of this.#ledger.messages) {
      const isOnItsWay = message.outcome === 'accepted' && !this.#isThrough(message);
      if (isOnItsWay || hasVanished(this.#ledger, message).length > 0) count += 1;
    }
    return count;
  }

  finish(findings: Findings): BusCounts {
    const counts = this.#count(findings);
    if (counts.started === 0) return counts;
    this.#locks.judge(findings);
    if (this.#atRest) {
      checkArrivals(this.#ledger, findings);
      checkDeadLetters(this.#ledger, this.#bodies, findings);
      checkEntries(this.#ledger, this.#entries, findings);
    } else findings.add('incomplete', () => 'nobody waited for everything to come to rest');
    this.#bodies.judge(findings);
    checkFilters(this.#ledger, findings);
    checkExpiries(this.#ledger, findings);
    checkLogs(this.#ledger, findings);
    return counts;
  }

  /** Is what was given out at any place what was published? */
  #judgeGiven(event: Given, findings: Findings): void {
    const message = this.#message(event);
    const where = placeOf(event);
    if (message.root === undefined) {
      findings.add('corrupt', () => `${message.name}, given out by ${where}, was never published`);
    } else if (message.hash !== event.hash) {
      findings.add('corrupt', () => {
        return `${message.name}, given out by ${where}, has hash ${event.hash} and was published with ${message.hash}`;
      });
    }
    this.#judgePause(event, message, findings);
  }

  /** A dead letter is no gift: it may be from before. */
  #judgePause(event: Given, message: BusMessage, findings: Findings): void {
    if (event.kind === 'dead-letter') return;
    const where = placeOf(event);
    const since = this.#ledger.paused.get(where);
    if (since === undefined || message.root === where || message.startedAt <= since) return;
    findings.add('paused', () => {
      const after = Math.round(message.startedAt - since);
      return `${message.name} came to ${where}, whose subscription had been paused for ${after} ms when it was published`;
    });
  }

  #final({ stream, consumer, earliestSequenceNumber }: FinalRead): void {
    this.#ledger.place(stream).final = { consumer, earliest: earliestSequenceNumber, messages: new Map() };
  }

  #count(findings: Findings): BusCounts {
    const counts: BusCounts = { started: 0, acked: 0, failed: 0, unknown: 0, stored: 0 };
    for (const message of this.#ledger.messages) {
      if (message.root === undefined) continue;
      counts.started += 1;
      if (message.outcome === 'accepted') counts.acked += 1;
      else if (message.outcome === 'failed') this.#failed(message, counts, findings);
      else if (message.outcome === 'unknown') counts.unknown += 1;
      if (this.#isThrough(message)) counts.stored += 1;
    }
    return counts;
  }

  #failed(message: BusMessage, counts: BusCounts, findings: Findings): void {
    counts.failed += 1;
    const places = [...this.#ledger.places.keys()].filter((name) => message.visit(name) !== undefined);
    if (places.length === 0) return;
    findings.add('failed-but-stored', () => {
      return `${message.name} was said to have certainly failed, and came to ${places.join(', ')}`;
    });
  }

  #isThrough(message: BusMessage): boolean {
    const { root } = message;
    return root !== undefined && isThrough(this.#ledger, this.#ledger.place(root), message);
  }

  #message({ producer, sequence }: { producer: string | null; sequence: number }): BusMessage {
    return this.#ledger.message(producer ?? 'nobody', sequence);
  }
}

function placeOf(event: Given): string {
  switch (event.kind) {
    case 'read':
      return event.stream;
    case 'locked':
      return event.queue;
    case 'pushed':
      return event.subscriber;
    case 'dead-letter':
      return `the dead letters of ${event.of}`;
  }
}
