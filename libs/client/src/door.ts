import type { ClientContext } from './exchange.ts';
import type { CallOptions } from './questions.ts';

/** How long a question is asked, and what gives it up. */
export interface Asking {
  readonly giveUpAfterMs: number;
  readonly signal: AbortSignal;
}

/** What a part of the client for one kind of name works with. */
export interface Door {
  readonly context: ClientContext;
  asking(options: CallOptions): Asking;
}
