import { optionalNumber, type PublishAnswer, parsePublishAnswer } from '../answers.ts';
import { isVaultClientError, type Problem, type VaultClientErrorCode } from '../errors.ts';
import type { Exchanged } from '../exchange.ts';
import { describeAnswer, refusalCode, retryAfterMs } from '../problems.ts';
import type { TransportResponse } from '../transport.ts';

/** What came of one attempt to publish one batch. */
export type Outcome =
  | { readonly kind: 'stored'; readonly answer: PublishAnswer }
  /** Stored, but the node no longer remembers where. */
  | { readonly kind: 'forgotten'; readonly detail: Refusal }
  /** The answer to another batch: the node takes this one for something it is not. */
  | { readonly kind: 'mistaken'; readonly detail: Refusal }
  /** Certainly not stored by this attempt, and repeating it would not help. */
  | { readonly kind: 'refused'; readonly detail: Refusal }
  | Again;

/** To be tried again. */
export interface Again {
  readonly kind: 'again';
  readonly why: 'unreachable' | 'no_answer' | 'not_now' | 'busy' | 'gap';
  /** False when this attempt certainly stored nothing. */
  readonly mayBeStored: boolean;
  readonly reason: string;
  readonly cause?: unknown;
  readonly status?: number | undefined;
  readonly problem?: Problem | undefined;
  readonly retryAfterMs?: number | undefined;
  /** With `gap`: the sequence the node expects of this producer. */
  readonly expectedProducerSequence?: number | undefined;
}

export interface Refusal {
  readonly code: VaultClientErrorCode;
  readonly message: string;
  readonly status: number;
  readonly problem: Problem | undefined;
  readonly expectedSequenceNumber: number | undefined;
}

/** Problem codes after which trying again makes sense, and what each says of this attempt. */
const againByCode: Readonly<Record<string, Pick<Again, 'why' | 'mayBeStored'>>> = {
  not_leader: { why: 'not_now', mayBeStored: false },
  no_leader: { why: 'not_now', mayBeStored: false },
  leader_unreachable: { why: 'not_now', mayBeStored: false },
  not_ready: { why: 'not_now', mayBeStored: false },
  storage_unavailable: { why: 'not_now', mayBeStored: false },
  conflict: { why: 'not_now', mayBeStored: false },
  request_timeout: { why: 'not_now', mayBeStored: false },
  queue_full: { why: 'busy', mayBeStored: false },
  busy: { why: 'busy', mayBeStored: false },
  producer_gap: { why: 'gap', mayBeStored: false },
  no_listener: { why: 'not_now', mayBeStored: false },
  outcome_unknown: { why: 'no_answer', mayBeStored: true },
};

/** A repeat recognised; stored; taken by a queue or a router, as durably. */
const SUCCESS: ReadonlySet<number> = new Set([200, 201, 202]);

/** Whether a refusal is for what is in the batch, so that other messages may fare better. */
export function isAboutMessages(refusal: Refusal): boolean {
  return refusal.status === 400 || refusal.status === 413 || refusal.status === 422;
}

/** How many messages a queue takes at once, where a batch had more. */
export function mostMessages({ problem }: Refusal): number | undefined {
  return problem?.code === 'too_many_messages' ? optionalNumber(problem, 'limit') : undefined;
}

/** Whether an attempt that is to be repeated, at anything, may have been acted on. */
export function mayHaveBeenDone(exchanged: Exchanged): boolean {
  if (exchanged.kind === 'failure') return exchanged.error.sent;
  return againByCode[exchanged.problem?.code ?? '']?.mayBeStored ?? true;
}

/** `count`: messages of the batch. */
export function judge(exchanged: Exchanged, count: number): Outcome {
  if (exchanged.kind === 'answer') return judgeAnswer(exchanged.response, exchanged.problem, count);
  const { error } = exchanged;
  const why = error.sent ? 'no_answer' : 'unreachable';
  return { kind: 'again', why, mayBeStored: error.sent, reason: error.message, cause: error };
}

function judgeAnswer(response: TransportResponse, problem: Problem | undefined, count: number): Outcome {
  if (SUCCESS.has(response.status)) return judgeSuccess(response, count);
  const { status } = response;
  const known = againByCode[problem?.code ?? ''];
  const code = refusalCode(status, problem);
  if (known !== undefined || code === undefined) {
    return {
      kind: 'again',
      // Whoever answered this (a proxy, a fault of the node) did not say what became of the batch.
      ...(known ?? { why: 'no_answer', mayBeStored: true }),
      reason: describeAnswer(status, problem),
      status,
      problem,
      retryAfterMs: retryAfterMs(response, problem),
      expectedProducerSequence: optionalNumber(problem, 'expectedProducerSequence'),
    };
  }
  const expectedSequenceNumber = optionalNumber(problem, 'expectedSequenceNumber');
  const detail = { code, message: describeAnswer(status, problem), status, problem, expectedSequenceNumber };
  return { kind: code === 'position_forgotten' ? 'forgotten' : 'refused', detail };
}

/** A success nobody can read is no answer: the repeat is recognised, and answered again. */
function judgeSuccess(response: TransportResponse, count: number): Outcome {
  try {
    const answer = parsePublishAnswer(response);
    return answer.count === count ? { kind: 'stored', answer } : mistaken(response.status, answer, count);
  } catch (cause) {
    if (!isVaultClientError(cause)) throw cause;
    return {
      kind: 'again',
      why: 'no_answer',
      mayBeStored: true,
      reason: cause.message,
      cause,
      status: response.status,
    };
  }
}

function mistaken(status: number, answer: PublishAnswer, count: number): Outcome {
  const message = `not known whether the messages are stored: ${count} were sent, and the answer is for ${answer.count}`;
  const detail = { code: 'bad_answer', message, status, problem: undefined } as const;
  return { kind: 'mistaken', detail: { ...detail, expectedSequenceNumber: undefined } };
}
