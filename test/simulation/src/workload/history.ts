import {
  type Accepted,
  HistoryChecker,
  type HistoryEvent,
  hashOf,
  type PublishAck,
  type Verdict,
} from '@message-vault/checkers';
import type { World } from '../world/world.ts';
import { type Named, nameIn } from './messages.ts';

/** What a consumer is given, however it reads. */
export interface Given {
  readonly offset: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly value: Uint8Array;
  readonly epoch?: number;
}

type EventBody<Event = HistoryEvent> = Event extends HistoryEvent ? Omit<Event, 'at'> : never;

/** What producers, consumers and observers saw, judged as it comes in. */
export class History {
  readonly #world: World;
  readonly #checker = new HistoryChecker();
  acks = 0;
  reads = 0;
  failures = 0;
  /** By stream: behind the highest sequence number anybody was told of. */
  readonly #next = new Map<string, number>();
  /** Names messages are handed on from and to. */
  readonly #places = new Set<string>();
  readonly #arrivals = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  add(event: EventBody): void {
    if (event.kind === 'ack') {
      this.acks += 1;
      this.#reached(event.stream, event.sequenceNumber);
    }
    if (event.kind === 'fail' || event.kind === 'unknown') this.failures += 1;
    if (event.kind === 'place') this.#places.add(event.name);
    if (event.kind === 'taken') this.#came(event.subscriber, event);
    if (event.kind === 'locked') this.#came(event.queue, event);
    if (event.kind === 'read') this.#came(event.stream, event);
    // What a router takes is not there to be read, but to be handed on.
    const told = event.kind === 'ack' && this.#places.has(event.stream) ? acceptance(event) : event;
    this.#checker.add({ ...told, at: this.#world.nowMs });
  }

  /** Whether it has been seen at any of these places, or been acknowledged by any of these subscribers. */
  hasComeTo(places: readonly string[], { producer, sequence }: Named): boolean {
    return places.some((place) => this.#arrivals.has(`${place} ${producer} ${sequence}`));
  }

  /** Accepted by routers, and not yet come to everything they are for. */
  outstanding(): number {
    return this.#checker.outstanding();
  }

  read(stream: string, consumer: string, given: Given): void {
    this.reads += 1;
    this.#reached(stream, given.sequenceNumber);
    const { offset, sequenceNumber, timestamp, value, epoch } = given;
    const { producer, sequence } = nameIn(value) ?? { producer: null, sequence: 0 };
    this.add({
      kind: 'read',
      stream,
      consumer,
      offset,
      sequenceNumber,
      timestamp,
      producer,
      sequence,
      hash: hashOf(value),
      ...(epoch === undefined ? {} : { epoch }),
    });
  }

  #came(place: string, { producer, sequence }: { producer: string | null; sequence: number }): void {
    if (this.#places.has(place)) this.#arrivals.add(`${place} ${producer} ${sequence}`);
  }

  /** The stream is at least this long. */
  nextNumberOf(stream: string): number {
    return this.#next.get(stream) ?? 0;
  }

  #reached(stream: string, sequenceNumber: number): void {
    this.#next.set(stream, Math.max(this.nextNumberOf(stream), sequenceNumber + 1));
  }

  finish(): Verdict {
    return this.#checker.finish();
  }
}

function acceptance({
  stream,
  producer,
  sequence,
  sequenceNumber,
}: EventBody<PublishAck>): EventBody<Accepted> {
  return { kind: 'accepted', stream, producer, sequence, sequenceNumber };
}
