import type { HistoryEvent, Locked } from '@message-vault/checkers';

/** What one place has handed on. */
export interface Delivered {
  /** The queue, the stream, or the router whose subscribers they are. */
  readonly place: string;
  /** When messages were acknowledged by those they were given to, or read. */
  readonly times: readonly number[];
  /** How often a message was given out that had been given out before, and not been given back. */
  readonly again: number;
}

interface MessageOf {
  readonly producer: string;
  readonly sequence: number;
}

const keyOf = ({ producer, sequence }: MessageOf): string => `${sequence} ${producer}`;

class Counted implements Delivered {
  readonly place: string;
  readonly times: number[] = [];
  again = 0;
  readonly #given = new Set<string>();

  constructor(place: string) {
    this.place = place;
  }

  given(message: MessageOf): void {
    const key = keyOf(message);
    if (this.#given.has(key)) this.again += 1;
    this.#given.add(key);
  }

  /** It is meant to be given out again. */
  givenBack(message: MessageOf): void {
    this.#given.delete(keyOf(message));
  }
}

/** Keeps count of what is handed on by queues, routers and the streams behind them. */
export class Deliveries {
  readonly #counted = new Map<string, Counted>();
  readonly #locks = new Map<string, Locked>();
  /** Subscribers, and streams behind routers, each by the place it is counted under. */
  readonly #placeOf = new Map<string, string>();

  add(event: HistoryEvent): void {
    switch (event.kind) {
      case 'place':
        if (event.role === 'stream') this.#placeOf.set(event.name, event.name);
        // A router that chooses is seen as a whole: its subscribers get now one, now the other.
        if (event.distribution === 'one')
          for (const target of event.targets ?? []) this.#placeOf.set(target, event.name);
        return;
      case 'locked':
        this.#locks.set(event.lock, event);
        this.#at(event.queue).given(event);
        return;
      case 'settling': {
        const locked = this.#locks.get(event.lock);
        if (locked !== undefined && event.how === 'given-back') this.#at(locked.queue).givenBack(locked);
        return;
      }
      case 'settled': {
        const locked = this.#locks.get(event.lock);
        if (locked !== undefined && event.how === 'acknowledged') this.#at(locked.queue).times.push(event.at);
        return;
      }
      case 'pushed':
        this.#of(event.subscriber).given(event);
        return;
      case 'taken':
        this.#of(event.subscriber).times.push(event.at);
        return;
      case 'read':
        if (this.#placeOf.has(event.stream) && event.consumer.startsWith('tail'))
          this.#at(event.stream).times.push(event.at);
        return;
    }
  }

  list(): Delivered[] {
    return [...this.#counted.values()];
  }

  #of(subscriber: string): Counted {
    return this.#at(this.#placeOf.get(subscriber) ?? subscriber);
  }

  #at(place: string): Counted {
    let counted = this.#counted.get(place);
    if (counted === undefined) {
      counted = new Counted(place);
      this.#counted.set(place, counted);
    }
    return counted;
  }
}
