/** Memory a running read may hold. Given back as soon as it is held no more. */
export interface ReadPermit {
  readonly bytes: number;
  /** Less than was asked for turned out to be enough. */
  shrink(bytes: number): void;
  /** Does nothing the second time. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  grant(permit: ReadPermit): void;
}

/**
 * The memory all running reads of a node share. Who asks first gets first, however much others want, so nobody starves;
 * nobody who holds a permit may ask for a second one or keep it for a client that does not take what it gets, so all of
 * them come back.
 */
export class ReadBudget {
  readonly maxBytes: number;
  readonly #waiting: Waiting[] = [];
  #heldBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** True when somebody waits for memory that is held. */
  get isWantedByOthers(): boolean {
    return this.#waiting.length > 0;
  }

  /** Waits until there is room. What is more than all there is counts as all there is. Throws the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<ReadPermit> {
    signal.throwIfAborted();
    const wanted = Math.min(bytes, this.maxBytes);
    if (this.#waiting.length === 0 && this.#fits(wanted)) return this.#hold(wanted);
    const { promise, resolve, reject } = Promise.withResolvers<ReadPermit>();
    const giveUp = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      reject(signal.reason);
      this.#grantWaiting();
    };
    const waiting: Waiting = {
      bytes: wanted,
      grant: (permit) => {
        signal.removeEventListener('abort', giveUp);
        resolve(permit);
      },
    };
    this.#waiting.push(waiting);
    signal.addEventListener('abort', giveUp, { once: true });
    return await promise;
  }

  #fits(bytes: number): boolean {
    return this.#heldBytes + bytes <= this.maxBytes;
  }

  #hold(bytes: number): ReadPermit {
    let held = bytes;
    this.#heldBytes += bytes;
    const shrink = (to: number): void => {
      if (to >= held) return;
      this.#heldBytes -= held - to;
      held = to;
      this.#grantWaiting();
    };
    return { bytes, shrink, release: () => shrink(0) };
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#fits(next.bytes)) return;
      this.#waiting.shift();
      next.grant(this.#hold(next.bytes));
    }
  }
}
