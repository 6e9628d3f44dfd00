import { isLogError } from '@message-vault/log';
import { messageOf } from '@message-vault/runtime';
import { backOffMs } from './back-off.ts';
import type { IntakeChunk } from './intake.ts';
import type { PumpContext } from './pump.ts';

/** What a read came to: a chunk, or the place to go on at after what was there has gone. */
export type Reading =
  | { readonly kind: 'chunk'; readonly chunk: IntakeChunk }
  | { readonly kind: 'lost'; readonly earliestOffset: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly afterMs: number };

/** Reads for a pump, with every way it can go wrong as a value. */
export async function readIntake(context: PumpContext, from: number, failures: number): Promise<Reading> {
  try {
    return { kind: 'chunk', chunk: await context.intake.read(from) };
  } catch (error) {
    const earliestOffset = isLogError(error, 'offset_out_of_range')
      ? error.details.earliestOffset
      : undefined;
    if (earliestOffset !== undefined && earliestOffset > from) {
      return { kind: 'lost', earliestOffset, reason: 'messages were removed before they could be delivered' };
    }
    const { runtime } = context.ports;
    return {
      kind: 'failed',
      reason: `the router's stream cannot be read: ${messageOf(error)}`,
      afterMs: backOffMs(failures + 1, runtime.random()),
    };
  }
}
