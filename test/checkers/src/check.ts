import { type BusCheckEvent, BusChecker } from './bus/check.ts';
import { endChecks } from './checks/at-the-end.ts';
import { LeaderCheck } from './checks/leaders.ts';
import { PassCheck } from './checks/passes.ts';
import { checkAck, checkRead } from './checks/places.ts';
import type { HistoryEvent, PublishAck, Read } from './events.ts';
import { type Finding, Findings } from './findings.ts';
import { ACKED, FAILED, STARTED, StreamLedger, UNKNOWN } from './ledger.ts';

export interface Verdict {
  /** No finding: the history keeps every invariant it can speak of. */
  ok: boolean;
  findings: Finding[];
  events: number;
  /** Messages, by how their publish ended as far as the producer knows; `stored` were seen in the final read. */
  messages: { started: number; acked: number; failed: number; unknown: number; stored: number };
}

/**
 * Judges a history as it comes in, without keeping it: about 70 bytes a message, whatever the number of reads. (What goes
 * through queues and routers is kept: about a kilobyte a message.)
 * Events of different recorders may come in any order, except that those of one producer, one consumer and one
 * observer come in theirs, a `final` before the reads of its consumer, a `place` before all that is said of it, and a
 * `start` before its message is given to anybody.
 */
export class HistoryChecker {
  readonly #streams = new Map<string, StreamLedger>();
  readonly #findings = new Findings();
  readonly #passes = new PassCheck();
  readonly #leaders = new LeaderCheck();
  readonly #bus = new BusChecker();
  #events = 0;

  /** Throws HistoryError when the history contradicts itself. */
  add(event: HistoryEvent): void {
    this.#events += 1;
    const ofBus = this.#ofBus(event);
    if (ofBus === undefined) this.#addToStreams(event);
    else {
      this.#bus.add(ofBus, this.#findings);
      if (ofBus.kind === 'read') this.#passes.add(ofBus, this.#findings);
    }
  }

  /** Accepted by queues and routers, and not yet come to everything they are for. */
  outstanding(): number {
    return this.#bus.outstanding();
  }

  #addToStreams(event: HistoryEvent): void {
    switch (event.kind) {
      case 'start':
        this.#stream(event.stream).producerNamed(event.producer).start(event);
        break;
      case 'ack':
        this.#ack(event);
        break;
      case 'fail':
        this.#stream(event.stream).producerNamed(event.producer).mark(event.sequence, FAILED);
        break;
      case 'unknown':
        this.#stream(event.stream).producerNamed(event.producer).mark(event.sequence, UNKNOWN);
        break;
      case 'read':
        this.#read(event);
        break;
      case 'final': {
        const { consumer, earliestSequenceNumber: earliest, nextSequenceNumber: next } = event;
        this.#stream(event.stream).final = { consumer, earliest, next };
        break;
      }
      case 'leader':
        this.#leaders.saw(event.observer, event.nodeId, event.epoch, this.#findings);
        break;
      case 'mark':
        break;
    }
  }

  /** The verdict on everything added. */
  finish(): Verdict {
    const messages: Verdict['messages'] = this.#bus.finish(this.#findings);
    for (const stream of this.#streams.values()) {
      for (const check of endChecks) check(stream, this.#findings);
      count(stream, messages);
    }
    const findings = this.#findings.list();
    return { ok: findings.length === 0, findings, events: this.#events, messages };
  }

  /** The event, if it is about queues and routers, or the streams that they fill. */
  #ofBus(event: HistoryEvent): BusCheckEvent | undefined {
    switch (event.kind) {
      case 'leader':
      case 'mark':
      case 'ack':
        return undefined;
      case 'start':
      case 'fail':
      case 'unknown':
      case 'read':
      case 'final':
        return this.#bus.knows(event.stream) ? event : undefined;
      default:
        return event;
    }
  }

  #ack(event: PublishAck): void {
    const stream = this.#stream(event.stream);
    const producer = stream.producerNamed(event.producer);
    producer.mark(event.sequence, ACKED);
    checkAck(stream, event, producer, this.#findings);
    if (event.leader !== undefined && event.epoch !== undefined) {
      this.#leaders.said(`an answer to ${event.producer}`, event.leader, event.epoch, this.#findings);
    }
  }

  #read(event: Read): void {
    const stream = this.#stream(event.stream);
    const producer = event.producer === null ? undefined : stream.producerNamed(event.producer);
    checkRead(stream, event, producer, this.#findings);
    this.#passes.add(event, this.#findings);
    if (stream.final?.consumer === event.consumer) stream.claimFinal(event.sequenceNumber);
  }

  #stream(name: string): StreamLedger {
    let stream = this.#streams.get(name);
    if (!stream) {
      stream = new StreamLedger(name);
      this.#streams.set(name, stream);
    }
    return stream;
  }
}

/** Judges a whole history. Throws HistoryError when it is no good. */
export function checkHistory(events: Iterable<HistoryEvent>): Verdict {
  const checker = new HistoryChecker();
  for (const event of events) checker.add(event);
  return checker.finish();
}

function count(stream: StreamLedger, messages: Verdict['messages']): void {
  for (const producer of stream.producers) {
    for (let sequence = 0; sequence < producer.count; sequence++) {
      const state = producer.state.get(sequence);
      if (state & STARTED) messages.started += 1;
      if (state & ACKED) messages.acked += 1;
      else if (state & FAILED) messages.failed += 1;
      else if (state & UNKNOWN) messages.unknown += 1;
      if (stream.isInFinal(producer, sequence)) messages.stored += 1;
    }
  }
}
