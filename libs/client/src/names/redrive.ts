import { act } from '../act.ts';
import { number, parseMembers } from '../answers.ts';
import { wholeNumber } from '../checks.ts';
import type { Door } from '../door.ts';
import type { CallOptions } from '../questions.ts';

export interface CountOptions extends CallOptions {
  /** At most so many messages. */
  readonly limit?: number | undefined;
}

const MAX_ANSWER_BYTES = 64 * 1024;
/** Many messages take their time. */
const REDRIVE_MS = 60_000;

/** Moves dead-lettered messages back into the queue or router they come from; answers how many. */
export function redrive(door: Door, name: string, { limit, ...options }: CountOptions): Promise<number> {
  if (limit !== undefined) wholeNumber('limit', limit, 1, Number.MAX_SAFE_INTEGER);
  const action = {
    ...door.asking(options),
    operation: `redrive ${name}`,
    method: 'POST',
    path: `/${name}/-/redrive${limit === undefined ? '' : `?limit=${limit}`}`,
    of: 'leader',
    accept: 'application/json',
    maxResponseBytes: MAX_ANSWER_BYTES,
    stallTimeoutMs: Math.max(door.context.attemptTimeoutMs, REDRIVE_MS),
    // A repeat would count only what the first attempt has left.
    repeatable: false,
  } as const;
  return act(door.context, action, (response) => number(parseMembers(response), 'moved'));
}
