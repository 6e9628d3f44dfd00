import { HistoryError } from '../events.ts';
import type { BusEvent, PutIn } from './events.ts';

/** One message in the storage of a queue. */
export interface Entry extends Omit<PutIn, 'kind'> {
  /** When a node first had it; infinite while none has. */
  fetchedAt: number;
  goneAt: number;
}

/** What is in the storage of queues with a limit, and when. */
export class EntryBook {
  readonly #entries = new Map<string, Entry>();

  put(event: PutIn): Entry {
    const entry = { ...event, fetchedAt: Number.POSITIVE_INFINITY, goneAt: Number.POSITIVE_INFINITY };
    this.#entries.set(keyOf(event), entry);
    return entry;
  }

  change(event: Extract<BusEvent, { kind: 'fetched' | 'taken-out' }>): void {
    const entry = this.#entries.get(keyOf(event));
    if (entry === undefined)
      throw new HistoryError('contradiction', `nobody has put ${event.copy} into ${event.queue}`);
    if (event.kind === 'taken-out') entry.goneAt = Math.min(entry.goneAt, event.at);
    else entry.fetchedAt = Math.min(entry.fetchedAt, event.at);
  }

  of(queue: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.queue === queue);
  }
}

function keyOf({ queue, copy }: { queue: string; copy: string }): string {
  return `${queue}\n${copy}`;
}
