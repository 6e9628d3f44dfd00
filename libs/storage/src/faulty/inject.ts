import { type Runtime, sleep } from '@message-vault/runtime';
import { isStorageError, StorageError } from '../errors.ts';
import type { CallOptions } from '../ports.ts';
import { type Fault, lostCode, type StorageCall } from './fault.ts';

/** A call that can be made any number of times, now or later; `pages` bounds how much of a write is made. */
type Make<T> = (options: CallOptions | undefined, pages?: number) => Promise<T>;

/** Makes `call` as `fault` has it. */
export async function inject<T>(
  runtime: Runtime,
  call: StorageCall,
  fault: Fault | undefined,
  options: CallOptions | undefined,
  make: Make<T>,
): Promise<T> {
  switch (fault?.kind) {
    case undefined:
      return make(options);
    case 'refuse':
      throw new StorageError(fault.code, `injected: ${fault.code}`, retryAfter(fault.retryAfterMs));
    case 'lose_answer':
      await make(options);
      throw lost(call, 'the answer was lost');
    case 'land_later':
      makeLater(runtime, fault.afterMs, make);
      throw lost(call, `the answer was lost, the request arrives in ${fault.afterMs} ms`);
    case 'repeat': {
      const answer = await make(options);
      makeLater(runtime, fault.afterMs, make);
      return answer;
    }
    case 'delay': {
      await wait(runtime, call, fault.beforeMs, options);
      const answer = await make(options);
      await wait(runtime, call, fault.afterMs, options);
      return answer;
    }
    case 'hang':
      if (fault.applied) await make(options);
      return untilAborted(call, options);
    case 'tear':
      await make(options, fault.pages);
      throw lost(call, `only ${fault.pages} pages landed`);
  }
}

function lost(call: StorageCall, why: string, cause?: unknown): StorageError {
  return new StorageError(lostCode(call.effect), `injected into ${call.operation}: ${why}`, { cause });
}

function retryAfter(retryAfterMs: number | undefined): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

/** Nobody waits for this answer any more; that the storage refuses it is as good as that it takes it. */
function makeLater(runtime: Runtime, afterMs: number, make: Make<unknown>): void {
  runtime.setTimer(afterMs, () => {
    make(undefined).catch((error: unknown) => {
      if (!isStorageError(error)) throw error;
    });
  });
}

async function wait(
  runtime: Runtime,
  call: StorageCall,
  ms: number | undefined,
  options: CallOptions | undefined,
): Promise<void> {
  if (ms === undefined) return;
  await sleep(runtime, ms, options?.signal).catch((reason: unknown) => {
    throw lost(call, 'aborted while it was delayed', reason);
  });
}

function untilAborted(call: StorageCall, options: CallOptions | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const signal = options?.signal;
    const end = (): void => reject(lost(call, 'aborted while it hung', signal?.reason));
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}
