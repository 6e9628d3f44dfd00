import { sleep } from '@message-vault/runtime';
import { Backoff } from './backoff.ts';
import { abortedError, isVaultClientError, VaultClientError } from './errors.ts';
import { type ClientContext, type Exchanged, exchange } from './exchange.ts';
import { problemError, refusalCode } from './problems.ts';
import { mayHaveBeenDone } from './publish/outcome.ts';
import type { TransportRequest, TransportResponse } from './transport.ts';

/** A question any node can answer, or something any node can see to, and that may be asked again. */
export interface Question {
  /** For notices and errors: `read orders`. */
  readonly operation: string;
  /** Path and query. */
  readonly path: string;
  /** Default GET. */
  readonly method?: TransportRequest['method'] | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  /** `leader`: ask who leads first, as the others would only pass it on. Default: any node. */
  readonly of?: 'leader' | 'any' | undefined;
  readonly accept: string;
  /** The answers `understand` is given. Default 200. */
  readonly statuses?: readonly number[] | undefined;
  readonly maxResponseBytes: number;
  /** How long a node may keep silent; longer than what it was asked to wait. */
  readonly stallTimeoutMs: number;
  /** Give up when no node has given an answer for this long. */
  readonly giveUpAfterMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Worth asking another node for: one that lags behind may not know yet. */
  readonly mayPass?: (error: VaultClientError) => boolean;
  /** Told when an attempt ended so that nobody knows whether it was acted on. What it throws ends the asking. */
  readonly onDoubt?: ((error: VaultClientError) => void) | undefined;
}

/**
 * Asks one node after the other until one answers what `understand` accepts. Errors: what the answer refuses,
 * `aborted`, and `unavailable` (or the last `bad_answer`) when the time is up.
 */
export async function ask<Answer>(
  context: ClientContext,
  question: Question,
  understand: (response: TransportResponse) => Answer,
): Promise<Answer> {
  const { runtime, nodes } = context;
  const backoff = new Backoff(runtime, context.backoff);
  const startedAt = runtime.monotonic();
  for (;;) {
    if (question.signal?.aborted) throw abortedError(question.signal);
    const url = question.of === 'leader' ? nodes.writeTarget() : nodes.readTarget();
    const exchanged = await attempt(context, url, question);
    const outcome = settle(exchanged, question, understand);
    if (outcome.kind === 'answer') return outcome.answer;
    if (question.signal?.aborted) throw abortedError(question.signal);
    if (outcome.kind === 'again' && mayHaveBeenDone(exchanged)) question.onDoubt?.(outcome.error);
    const final = outcome.kind === 'final' && question.mayPass?.(outcome.error) !== true;
    if (final || runtime.monotonic() - startedAt >= question.giveUpAfterMs) throw outcome.error;
    nodes.passOver(url);
    const delayMs = backoff.nextDelayMs();
    context.onRetry({ operation: question.operation, url, delayMs, reason: outcome.error.message });
    await pause(context, delayMs, question.signal);
  }
}

/** Asks one node once; given up when the node shows no sign of life, however long it was asked to wait. */
async function attempt(context: ClientContext, url: string, question: Question): Promise<Exchanged> {
  const { method = 'GET', path, body, maxResponseBytes, stallTimeoutMs } = question;
  const guard = context.pulse.guard(url);
  const signals = question.signal === undefined ? [guard.signal] : [guard.signal, question.signal];
  const signal = AbortSignal.any(signals);
  const headers = { accept: question.accept, ...question.headers };
  try {
    return await exchange(context, {
      url,
      method,
      path,
      headers,
      body,
      maxResponseBytes,
      stallTimeoutMs,
      signal,
    });
  } finally {
    if (guard.signal.aborted) context.nodes.failed(url);
    guard.release();
  }
}

const OK: readonly number[] = [200];

type Settled<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'final' | 'again'; readonly error: VaultClientError };

function settle<Answer>(
  exchanged: Exchanged,
  { statuses = OK }: Question,
  understand: (response: TransportResponse) => Answer,
): Settled<Answer> {
  if (exchanged.kind === 'failure') {
    const { error } = exchanged;
    const code =
      error.code === 'closed' ? 'closed' : error.code === 'too_large' ? 'bad_answer' : 'unavailable';
    const kind = error.code === 'closed' ? 'final' : 'again';
    return { kind, error: new VaultClientError(code, error.message, { cause: error }) };
  }
  const { response, problem } = exchanged;
  if (!statuses.includes(response.status)) {
    const code = refusalCode(response.status, problem);
    return {
      kind: code === undefined ? 'again' : 'final',
      error: problemError(code ?? 'unavailable', response, problem),
    };
  }
  try {
    return { kind: 'answer', answer: understand(response) };
  } catch (error) {
    if (!isVaultClientError(error, 'bad_answer')) throw error;
    return { kind: 'again', error };
  }
}

/** Waits. Error: `aborted`. */
export async function pause(
  context: ClientContext,
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await sleep(context.runtime, delayMs, signal);
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    throw error;
  }
}
