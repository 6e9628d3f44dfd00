import { pause } from '../ask.ts';
import { Backoff } from '../backoff.ts';
import { isVaultClientError } from '../errors.ts';
import type { ClientContext } from '../exchange.ts';

export interface AbsenceWait {
  /** How long there may be no such name. */
  readonly giveUpAfterMs: number;
  /** Told once, when there is none. */
  readonly onAbsent: (() => void) | undefined;
  readonly signal: AbortSignal;
}

/** Nobody knows when a name will be taken: the nodes are asked seldom enough not to notice. */
const POLITE = { initialMs: 100, maxMs: 1000 };

/** The answer of `question`, which is asked again as long as there is no such name; and whether there was none. */
export async function whenThere<Answer>(
  context: ClientContext,
  wait: AbsenceWait,
  question: () => Promise<Answer>,
): Promise<{ answer: Answer; waited: boolean }> {
  const { runtime } = context;
  const backoff = new Backoff(runtime, POLITE);
  const startedAt = runtime.monotonic();
  for (let waited = false; ; waited = true) {
    try {
      return { answer: await question(), waited };
    } catch (error) {
      if (!isAbsence(error) || runtime.monotonic() - startedAt >= wait.giveUpAfterMs) throw error;
    }
    if (!waited) wait.onAbsent?.();
    await pause(context, backoff.nextDelayMs(), wait.signal);
  }
}

/** A node says so. A 404 of something in between is a wrong URL, for which waiting is no cure. */
function isAbsence(error: unknown): boolean {
  return isVaultClientError(error, 'not_found') && error.problem?.code === 'no_such_name';
}
