import type { History } from '../workload/history.ts';
import type { Named } from '../workload/messages.ts';
import { namedIn } from './envelopes.ts';

/** Bodies that are stored apart from their messages, watched from below. */
export class BodyWatch {
  readonly #history: History;
  /** By id of each body there ever was: whose it is. */
  readonly #named = new Map<string, Named | undefined>();
  /** By entry of a storage queue: the body it refers to. */
  readonly #bodies = new Map<string, string>();
  readonly #stored = new Set<string>();
  readonly #referred = new Set<string>();

  constructor(history: History) {
    this.#history = history;
  }

  /** Bodies that are stored now. */
  get count(): number {
    return this.#stored.size;
  }

  stored(body: string, bytes: Uint8Array): void {
    this.#named.set(body, namedIn(bytes));
    this.#stored.add(body);
    this.#history.add({ kind: 'body-stored', body });
  }

  removed(body: string): void {
    if (!this.#stored.delete(body)) return;
    this.#history.add({ kind: 'body-removed', body });
  }

  /** Answers whose body it is; nothing for a message that was sent once and has come twice. */
  referred(body: string, copy: string): Named | undefined {
    const isTwin = this.#referred.has(body);
    this.#referred.add(body);
    this.#bodies.set(copy, body);
    this.#history.add({ kind: 'body-referred', body, copy });
    return isTwin ? undefined : this.#named.get(body);
  }

  /** The entry has gone; nothing for one that refers to no body. */
  done(copy: string): void {
    const body = this.#bodies.get(copy);
    if (body === undefined) return;
    this.#bodies.delete(copy);
    this.#history.add({ kind: 'body-done', body, copy });
  }
}
