import { deadLetterOwner } from '@message-vault/metadata';

/** One change at a time of a name; a name and that of its dead letters are one in this. */
export class NameLocks {
  readonly #last = new Map<string, Promise<void>>();

  async with<Result>(name: string, use: () => Promise<Result>): Promise<Result> {
    const key = deadLetterOwner(name) ?? name;
    const before = this.#last.get(key) ?? Promise.resolve();
    const running = before.then(use);
    const done = running.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, done);
    try {
      return await running;
    } finally {
      if (this.#last.get(key) === done) this.#last.delete(key);
    }
  }
}
