import type { RetryNotice } from '@message-vault/client';

/** A failover takes about a second; what takes longer is worth a word. */
const TELL_AFTER_MS = 2000;
/** Trouble is over when nothing had to be tried again for this long. */
const OVER_AFTER_MS = 3000;

/** Tells people, once, that the cluster does not answer and that this goes on trying; and once, that it is over. */
export class TroubleReport {
  readonly #err: NodeJS.WritableStream;
  #since: number | undefined;
  #told = false;
  #over: NodeJS.Timeout | undefined;

  constructor(err: NodeJS.WritableStream) {
    this.#err = err;
  }

  notice(notice: RetryNotice): void {
    const now = performance.now();
    this.#since ??= now;
    clearTimeout(this.#over);
    this.#over = setTimeout(() => this.#end(), OVER_AFTER_MS);
    this.#over.unref();
    if (this.#told || now - this.#since < TELL_AFTER_MS) return;
    this.#told = true;
    this.#err.write(`mvault: ${notice.operation}: ${notice.reason}; trying on\n`);
  }

  stop(): void {
    clearTimeout(this.#over);
  }

  #end(): void {
    if (this.#told) this.#err.write('mvault: going on\n');
    this.#since = undefined;
    this.#told = false;
  }
}
