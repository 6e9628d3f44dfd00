import { HistoryError, type Read } from '../events.ts';
import type { Entry } from './entries.ts';
import type { DeadLetter, Expires, Filtered, Paused, Place, Resumes } from './events.ts';
import type { HeldLock } from './locks.ts';

/** What came of a publish, as far as its producer knows. */
export type Outcome = 'started' | 'accepted' | 'failed' | 'unknown';

/** What is known of one message at one place. */
export interface Visit {
  /** Where it stands in the final read of a stream, or of a router's own. */
  readonly stands: number[];
  /** Somebody who follows the stream was given it. */
  seen: boolean;
  readonly locks: HeldLock[];
  /** In the storage of a queue with a limit. */
  readonly entries: Entry[];
  /** Times it was put among the dead letters. */
  buried: number;
  readonly deadLetters: DeadLetter[];
  pushed: number;
  taken: number;
}

/** One message, wherever it goes. */
export class BusMessage {
  readonly producer: string;
  readonly sequence: number;
  /** Where it was published to; undefined for one that nobody published. */
  root: string | undefined;
  hash: number | undefined;
  /** What filters choose by. */
  label = '';
  startedAt = 0;
  ttlMs: number | undefined;
  outcome: Outcome = 'started';
  /** In the stream of the router that took it, as the answer said. */
  acceptedAs: number | undefined;
  /** Places that have, or had, it among their dead letters. */
  readonly graves = new Set<string>();
  readonly #visits = new Map<string, Visit>();

  constructor(producer: string, sequence: number) {
    this.producer = producer;
    this.sequence = sequence;
  }

  get name(): string {
    return `${this.producer} #${this.sequence}`;
  }

  at(place: string): Visit {
    let visit = this.#visits.get(place);
    if (visit === undefined) {
      visit = {
        stands: [],
        seen: false,
        locks: [],
        entries: [],
        buried: 0,
        deadLetters: [],
        pushed: 0,
        taken: 0,
      };
      this.#visits.set(place, visit);
    }
    return visit;
  }

  bury(place: string): void {
    this.graves.add(place);
    this.at(place).buried += 1;
  }

  /** Undefined when it was never heard of there. */
  visit(place: string): Visit | undefined {
    return this.#visits.get(place);
  }
}

/** The final read of a stream, or of a router's own. */
export interface FinalLog {
  readonly consumer: string;
  readonly earliest: number;
  /** What stands where; a few thousand at most, unlike in a history of streams alone. */
  readonly messages: Map<number, BusMessage>;
}

export interface KnownPlace extends Place {
  final: FinalLog | undefined;
  /** Of a router: the labels a target is for, where that is not all. */
  readonly filters: Map<string, ReadonlySet<string>>;
  /** Of a router: since when nothing that is published is for a target any more. */
  readonly expiries: Map<string, number>;
}

/** The places of a history and the messages that went through them. */
export class BusLedger {
  readonly places = new Map<string, KnownPlace>();
  /** Targets whose subscription is paused, by since when. */
  readonly paused = new Map<string, number>();
  /** Routers some of whose targets were paused, or may have been. */
  readonly interrupted = new Set<string>();
  /** When nothing waited anywhere any more. */
  restedAt = Number.POSITIVE_INFINITY;
  readonly #messages = new Map<string, BusMessage>();

  get messages(): Iterable<BusMessage> {
    return this.#messages.values();
  }

  declare(place: Place): void {
    if (this.places.has(place.name))
      throw new HistoryError('contradiction', `the place ${place.name} is told of twice`);
    this.places.set(place.name, { ...place, final: undefined, filters: new Map(), expiries: new Map() });
  }

  filter({ router, target, labels }: Filtered): void {
    this.place(router).filters.set(target, new Set(labels));
  }

  expire({ router, target, until }: Expires): void {
    this.place(router).expiries.set(target, until);
  }

  /** What is published to a target itself, or comes to it another way, need not wait. */
  pause({ router, target, at }: Paused): void {
    const sources = [...this.places.values()].filter(({ targets }) => targets?.includes(target));
    if (sources.length === 1 && sources[0]?.name === router) this.paused.set(target, at);
  }

  resume({ router, target }: Resumes): void {
    this.paused.delete(target);
    this.interrupted.add(router);
  }

  message(producer: string, sequence: number): BusMessage {
    const key = `${sequence} ${producer}`;
    let message = this.#messages.get(key);
    if (message === undefined) {
      message = new BusMessage(producer, sequence);
      this.#messages.set(key, message);
    }
    return message;
  }

  /** Throws HistoryError for a place nobody told of. */
  place(name: string): KnownPlace {
    const place = this.places.get(name);
    if (place === undefined) throw new HistoryError('contradiction', `no place was called ${name}`);
    return place;
  }

  targetsOf({ targets = [] }: Pick<Place, 'targets'>): KnownPlace[] {
    return targets.map((name) => this.place(name));
  }

  /** Those of a router's targets that its filters let the message through to. */
  wantedBy(router: KnownPlace, message: BusMessage): KnownPlace[] {
    return this.targetsOf(router).filter(({ name }) => wants(router, name, message));
  }

  /** Those of them to which it has to come: whose subscription ends in time, or out of it, may have had it or not. */
  owedTo(router: KnownPlace, message: BusMessage): KnownPlace[] {
    return this.wantedBy(router, message).filter(({ name }) => !router.expiries.has(name));
  }

  /**
   * Whether the message may have come to a place anew: a router that gives each to one takes in again what is brought
   * back from its dead letters.
   */
  mayBeRedriven(place: KnownPlace, message: BusMessage): boolean {
    if (place.distribution === 'one' && (message.visit(place.name)?.buried ?? 0) > 0) return true;
    const sources = [...this.places.values()].filter(({ targets }) => targets?.includes(place.name));
    return sources.some((source) => this.mayBeRedriven(source, message));
  }

  /** A read of a stream, or of a router's own. */
  read({ stream, consumer, producer, sequence, sequenceNumber }: Read): BusMessage {
    const message = this.message(producer ?? 'nobody', sequence);
    const visit = message.at(stream);
    visit.seen = true;
    const { final } = this.place(stream);
    if (final?.consumer !== consumer) return message;
    visit.stands.push(sequenceNumber);
    final.messages.set(sequenceNumber, message);
    return message;
  }
}

export function wants({ filters }: KnownPlace, target: string, { label }: BusMessage): boolean {
  return filters.get(target)?.has(label) ?? true;
}
