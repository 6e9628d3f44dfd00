import type { CallOptions } from '../ports.ts';
import type { Operations } from './database/operations.ts';
import type { DatabaseThread } from './thread.ts';

/** How an operation of the database is asked for. Whoever gives bytes keeps them: a copy goes to the thread. */
export interface FileCalls {
  /** A write: without an answer its outcome is unknown. */
  write<Name extends keyof Operations>(
    options: CallOptions | undefined,
    operation: Name,
    ...args: Parameters<Operations[Name]>
  ): Promise<ReturnType<Operations[Name]>>;
  /** A read, or a call that may be repeated at will. */
  repeatable: FileCalls['write'];
}

export function fileCalls(thread: DatabaseThread): FileCalls {
  return {
    write: (options, operation, ...args) =>
      thread.call({ operation, args, lostAs: 'outcome_unknown', bytes: args.find(isBytes), options }),
    repeatable: (options, operation, ...args) =>
      thread.call({ operation, args, lostAs: 'unavailable', bytes: args.find(isBytes), options }),
  };
}

/** A copy with memory of its own, which can be given away. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function isBytes(arg: unknown): arg is Uint8Array<ArrayBuffer> {
  return arg instanceof Uint8Array;
}
