interface Waiter {
  readonly bytes: number;
  readonly enter: () => void;
  left: boolean;
}

/** Publish calls that may wait for room at once; a program that never awaits its publishes meets this bound. */
const MAX_WAITING = 65_536;

/**
 * Bounds the bytes of all messages given and not yet ended. Who comes when there is no room waits in line. A call
 * larger than the whole buffer enters when the buffer is empty: its messages are in the caller's memory anyway.
 */
export class Admission {
  readonly #maxBytes: number;
  #bytes = 0;
  #waiting: Waiter[] = [];
  #head = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes `bytes` if nobody waits and they fit. */
  tryEnter(bytes: number): boolean {
    if (this.waiting > 0 || !this.#fits(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Calls `enter` when the turn has come. Answers a way to leave the line, or undefined when the line is too long. */
  wait(bytes: number, enter: () => void): (() => void) | undefined {
    if (this.waiting >= MAX_WAITING) return undefined;
    const waiter: Waiter = { bytes, enter, left: false };
    this.#waiting.push(waiter);
    return () => {
      waiter.left = true;
      this.#letIn();
    };
  }

  leave(bytes: number): void {
    this.#bytes -= bytes;
    this.#letIn();
  }

  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  #letIn(): void {
    for (let next = this.#waiting[this.#head]; next !== undefined; next = this.#waiting[this.#head]) {
      if (!next.left && !this.#fits(next.bytes)) break;
      this.#head += 1;
      if (next.left) continue;
      this.#bytes += next.bytes;
      next.enter();
    }
    if (this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#maxBytes;
  }
}
