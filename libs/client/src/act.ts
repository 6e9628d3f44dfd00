import { ask, type Question } from './ask.ts';
import { isVaultClientError, VaultClientError, type VaultClientErrorCode } from './errors.ts';
import type { ClientContext } from './exchange.ts';
import type { TransportResponse } from './transport.ts';

/** Something to be done once, though it may have to be asked for several times. */
export interface Action extends Question {
  /**
   * False: a second time would do more than the first. Then it ends with `outcome_unknown` when nobody knows what
   * became of an attempt. Default true.
   */
  readonly repeatable?: boolean | undefined;
}

/** What a repeat is refused with when the attempt before it, whose answer was lost, had done it. */
const MAY_MEAN_DONE: readonly VaultClientErrorCode[] = [
  'conflict',
  'changed_meanwhile',
  'not_found',
  'lock_lost',
  'unavailable',
  'bad_answer',
];

/**
 * As `ask`, for what changes something. `ifDone` says what a refusal means after an attempt that may have done it:
 * the answer, if that is certain enough. Errors: as of `ask`, and `outcome_unknown`.
 */
export async function act<Answer>(
  context: ClientContext,
  action: Action,
  understand: (response: TransportResponse) => Answer,
  ifDone: (refusal: VaultClientError) => Promise<Answer | undefined> | Answer | undefined = () => undefined,
): Promise<Answer> {
  let doubt: VaultClientError | undefined;
  const onDoubt = (error: VaultClientError): void => {
    doubt = error;
    action.onDoubt?.(error);
    if (action.repeatable === false) throw outcomeUnknown(action, error);
  };
  try {
    return await ask(context, { ...action, onDoubt }, understand);
  } catch (error) {
    if (doubt === undefined || !isVaultClientError(error, ...MAY_MEAN_DONE)) throw error;
    const answer = await ifDone(error);
    if (answer !== undefined) return answer;
    throw outcomeUnknown(action, error);
  }
}

function outcomeUnknown({ operation }: Action, cause: VaultClientError): VaultClientError {
  const { status, problem } = cause;
  const message = `${operation}: not known whether it was done: ${cause.message}`;
  return new VaultClientError('outcome_unknown', message, { cause, status, problem });
}
