import type { Envelope } from './envelope.ts';
import type { Lock } from './lock-id.ts';

/**
 * Messages this node gave out under lock, as long as there is room: storage shows a message only to whoever receives it,
 * so who wants to move one elsewhere needs to know it still. What is forgotten takes the longer way.
 */
export class Remembered {
  readonly #maxBytes: number;
  readonly #byLock = new Map<string, Envelope>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(lock: Lock, envelope: Envelope): void {
    this.take(lock);
    this.#byLock.set(keyOf(lock), envelope);
    this.#bytes += sizeOf(envelope);
    for (const [key, oldest] of this.#byLock) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#byLock.delete(key);
      this.#bytes -= sizeOf(oldest);
    }
  }

  get(lock: Lock): Envelope | undefined {
    return this.#byLock.get(keyOf(lock));
  }

  /** And forgets it. */
  take(lock: Lock): Envelope | undefined {
    const key = keyOf(lock);
    const envelope = this.#byLock.get(key);
    if (envelope === undefined) return undefined;
    this.#byLock.delete(key);
    this.#bytes -= sizeOf(envelope);
    return envelope;
  }
}

function keyOf({ messageId, popReceipt }: Lock): string {
  return `${messageId} ${popReceipt}`;
}

/** With what the entry itself takes, about. */
function sizeOf({ body }: Envelope): number {
  return 512 + ('batch' in body ? body.batch.byteLength : 0);
}
