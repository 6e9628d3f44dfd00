import type { Findings } from '../findings.ts';
import type { BusEvent } from './events.ts';

export type BodyEvent = Extract<BusEvent, { body: string }>;

interface Body {
  isStored: boolean;
  /** Messages in the storage of queues that refer to it. */
  readonly copies: Set<string>;
  /** With those that are not there any more. */
  readonly everyCopy: Set<string>;
  /** A message that referred to it has been dealt with. */
  isDone: boolean;
}

/**
 * Bodies that are stored apart from their messages. Each is there for as long as a message refers to it; one that was
 * sent once and arrived twice shares its body with itself, so it is done with when one of the two is.
 */
export class BodyBook {
  readonly #bodies = new Map<string, Body>();
  #orphans: readonly string[] = [];

  /** Events of one storage come in the order in which they took effect: each is judged at once. */
  add(event: BodyEvent, findings: Findings): void {
    const body = this.#body(event.body);
    switch (event.kind) {
      case 'body-stored':
        body.isStored = true;
        break;
      case 'body-referred':
        body.copies.add(event.copy);
        body.everyCopy.add(event.copy);
        if (!body.isStored && !body.isDone)
          findings.add('bodiless', () => `a message came whose body, ${event.body}, is not there`);
        break;
      case 'body-done':
        body.isDone ||= body.copies.delete(event.copy);
        break;
      case 'body-removed':
        body.isStored = false;
        if (body.copies.size > 0 && !body.isDone)
          findings.add('bodiless', () => `${event.body} was removed, which the body of a message is in`);
        break;
    }
  }

  /** What is there now that no message refers to was left behind. */
  tidied(): void {
    const isOrphan = ({ isStored, copies }: Body): boolean => isStored && copies.size === 0;
    this.#orphans = [...this.#bodies].filter(([, body]) => isOrphan(body)).map(([id]) => id);
  }

  /** It was sent once and arrived twice: its body may be gone while it is there. */
  hasTwin(copy: string): boolean {
    return [...this.#bodies.values()].some(({ everyCopy }) => everyCopy.size > 1 && everyCopy.has(copy));
  }

  judge(findings: Findings): void {
    for (const id of this.#orphans)
      findings.add('orphaned', () => `${id} is still there, and nothing refers to it`);
  }

  #body(id: string): Body {
    const known = this.#bodies.get(id);
    if (known !== undefined) return known;
    const made = { isStored: false, copies: new Set<string>(), everyCopy: new Set<string>(), isDone: false };
    this.#bodies.set(id, made);
    return made;
  }
}
