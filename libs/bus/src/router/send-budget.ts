/** Bytes of messages on their way to subscribers, all routers of a leader together. Who finds no room is called back. */
export class SendBudget {
  readonly #maxBytes: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** One message is always let through when nothing else is on its way. Otherwise `retry` is called once there is room. */
  tryTake(bytes: number, retry: () => void): boolean {
    if (this.#taken > 0 && this.#taken + bytes > this.#maxBytes) {
      this.#waiting.add(retry);
      return false;
    }
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const retry of waiting) retry();
  }
}
