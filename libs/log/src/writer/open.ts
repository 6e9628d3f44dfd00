import type { Runtime } from '@message-vault/runtime';
import type { PageStore } from '@message-vault/storage';
import { LogError } from '../errors.ts';
import type { StreamRef } from '../stream.ts';
import type { Leadership } from './leadership.ts';
import { StreamOwner } from './owner.ts';
import { recover } from './recover.ts';
import { type WriterSettings, writerSettings } from './settings.ts';
import type { OnCommit, StreamWriter } from './stream-writer.ts';

export interface WriterOptions {
  readonly pages: PageStore;
  readonly runtime: Runtime;
  readonly stream: StreamRef;
  readonly leadership: Leadership;
  /** What is not given has its default. Writers that are given the same object share what is made of it. */
  readonly settings?: Partial<WriterSettings> | undefined;
  readonly onCommit?: OnCommit | undefined;
}

/**
 * Opens a stream for writing: fences it against older leaders, finds and if need be repairs its end, rebuilds what must be
 * remembered. At most one writer per stream and term may be open: close one before opening the next.
 *
 * Errors: LogError `not_leader`, `damaged` (with the offset), `storage_unavailable` (not done within `resolveForMs`).
 */
export async function openWriter(options: WriterOptions): Promise<StreamWriter> {
  const { leadership, pages, runtime, stream, onCommit } = options;
  const settings = writerSettings(options.settings);
  if (!leadership.isLeading())
    throw new LogError('not_leader', `this node does not lead in epoch ${leadership.epoch}`);
  const calls = { pages, runtime, timeoutMs: settings.writeTimeoutMs };
  const deadline = runtime.monotonic() + settings.resolveForMs;
  const recovered = await recover({ calls, stream, leadership, settings, deadline });
  return new StreamOwner({ pages, runtime, stream, leadership, settings, recovered, onCommit });
}
