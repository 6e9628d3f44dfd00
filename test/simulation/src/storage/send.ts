import type { CallOptions } from '@message-vault/storage';
import type { StorageCall } from './call.ts';

/** Sends one call; answers as the port's contract has it. */
export type Send = <Answer>(call: StorageCall<Answer>, options: CallOptions | undefined) => Promise<Answer>;

export function call<Answer>(
  operation: string,
  effect: StorageCall['effect'],
  about: string,
  apply: StorageCall<Answer>['apply'],
): StorageCall<Answer> {
  return { operation, effect, about, apply };
}
