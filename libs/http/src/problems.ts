import {
  FilterError,
  QueueError,
  type QueueErrorCode,
  RelayError,
  type RelayErrorCode,
  RouterError,
  type RouterErrorCode,
  WebhookError,
  type WebhookErrorCode,
} from '@message-vault/bus';
import { FramingError, MAX_BATCH_BYTES } from '@message-vault/framing';
import { LogError, type LogErrorCode } from '@message-vault/log';
import { NameError, PolicyError } from '@message-vault/metadata';
import { StorageError, type StorageErrorCode } from '@message-vault/storage';
import { ForwardError, type ForwardErrorCode } from './ports.ts';

/** Every `code` a problem can have, with its status. Closed and documented in docs/http.md: the only such table. */
export const PROBLEMS = {
  bad_request: { status: 400, title: 'The request is not well-formed' },
  bad_name: { status: 400, title: 'This is not a name' },
  bad_parameter: { status: 400, title: 'A parameter of the query is wrong' },
  bad_header: { status: 400, title: 'A header of the request is wrong' },
  bad_body: { status: 400, title: 'The body is not what its Content-Type says' },
  bad_policy: { status: 400, title: 'This policy can not be in force' },
  bad_filter: { status: 400, title: 'The filter is not well-formed' },
  bad_webhook: { status: 400, title: 'This is no webhook that can be pushed to' },
  bad_batch: { status: 400, title: 'The batch is not well-formed' },
  bad_cloudevent: { status: 400, title: 'The CloudEvent is not well-formed' },
  unauthorized: { status: 401, title: 'Credentials are needed' },
  forbidden: { status: 403, title: 'This is not allowed' },
  transport_not_protected: { status: 403, title: 'This name is not served over plain HTTP' },
  producer_fenced: { status: 403, title: 'A newer epoch of this producer has published' },
  no_such_name: { status: 404, title: 'This name has no role' },
  no_such_subscription: { status: 404, title: 'The router has no such subscription' },
  no_such_resource: { status: 404, title: 'There is no such resource' },
  method_not_allowed: { status: 405, title: 'This method is not for this resource' },
  not_acceptable: { status: 406, title: 'None of the accepted media types can be given' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  producer_gap: { status: 409, title: 'A batch of this producer is missing before this one' },
  producer_sequence_too_old: { status: 409, title: 'A repeat too old to be answered again' },
  wrong_role: { status: 409, title: 'The name has another role' },
  name_taken: { status: 409, title: 'The name already has a role' },
  not_changeable: { status: 409, title: 'This can not change' },
  cycle: { status: 409, title: 'What is handed on would come back' },
  too_many_subscribers: { status: 409, title: 'The router takes no more subscribers' },
  webhook_refused: { status: 409, title: 'The webhook does not want to be pushed to' },
  conflict: { status: 409, title: 'Somebody else changed it at the same time' },
  not_possible: { status: 409, title: 'This node, or its storage, can not do that' },
  lock_lost: { status: 410, title: 'This lock is not in force any more' },
  precondition_failed: { status: 412, title: 'It has changed meanwhile' },
  sequence_mismatch: { status: 412, title: 'This is not the next sequence number' },
  too_large: { status: 413, title: 'This is too large' },
  too_many_messages: { status: 413, title: 'These are too many messages for one request' },
  unsupported_media_type: { status: 415, title: 'This Content-Type is not supported' },
  unsupported_content_encoding: { status: 415, title: 'This Content-Encoding is not supported' },
  offset_out_of_range: { status: 416, title: 'There are no messages at this place' },
  queue_full: { status: 429, title: 'There is no room for more at the moment' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'This is a fault of the server' },
  damaged: { status: 500, title: 'Stored messages can not be read' },
  relay_failed: { status: 502, title: 'The listener broke off' },
  busy: { status: 503, title: 'This node has too much to do' },
  not_ready: { status: 503, title: "This node can't do its work now" },
  not_leader: { status: 503, title: 'This node does not lead' },
  no_listener: { status: 503, title: 'Nobody serves this name at the moment' },
  no_leader: { status: 503, title: 'No node leads' },
  leader_unreachable: { status: 503, title: 'The leader can not be reached' },
  storage_unavailable: { status: 503, title: 'The storage does not answer' },
  outcome_unknown: { status: 503, title: 'It is not known whether this was stored' },
  relay_timeout: { status: 504, title: 'The listener did not answer in time' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Values a client needs to go on from a problem; each also has its place in the body. */
export interface Recovery {
  /** URL of the leader. */
  readonly leader?: string | undefined;
  readonly expectedSequenceNumber?: number | undefined;
  /** The producer sequence that must come next. */
  readonly expectedProducerSequence?: number | undefined;
  /** The newest epoch of the producer. */
  readonly producerEpoch?: number | undefined;
  /** Seconds, with fractions; the header Retry-After has them rounded up. */
  readonly retryAfter?: number | undefined;
  readonly offset?: number | undefined;
  readonly earliestOffset?: number | undefined;
  readonly nextOffset?: number | undefined;
  readonly earliestSequenceNumber?: number | undefined;
  readonly nextSequenceNumber?: number | undefined;
  /** The limit that was exceeded, in the unit `detail` names. */
  readonly limit?: number | undefined;
  /** The field of the policy that is wrong. */
  readonly field?: string | undefined;
  /** Of several messages for a queue: how many are in it for certain, and how many besides may be. */
  readonly enqueued?: number | undefined;
  readonly unknown?: number | undefined;
  /** Dead letters that were brought back before it went wrong. */
  readonly moved?: number | undefined;
  /** Methods or media types that would do. */
  readonly allowed?: readonly string[] | undefined;
}

/** An answer other than success, on its way to the client. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly code: ProblemCode;
  readonly recovery: Recovery;

  constructor(code: ProblemCode, detail: string, recovery: Recovery = {}, options: { cause?: unknown } = {}) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.recovery = recovery;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }
}

const LOG_PROBLEMS: Readonly<Record<LogErrorCode, ProblemCode>> = {
  not_leader: 'not_leader',
  outcome_unknown: 'outcome_unknown',
  queue_full: 'queue_full',
  producer_gap: 'producer_gap',
  producer_fenced: 'producer_fenced',
  producer_sequence_too_old: 'producer_sequence_too_old',
  sequence_mismatch: 'sequence_mismatch',
  offset_out_of_range: 'offset_out_of_range',
  damaged: 'damaged',
  closed: 'not_ready',
  too_large: 'too_large',
  storage_unavailable: 'storage_unavailable',
};

const STORAGE_PROBLEMS: Readonly<Record<StorageErrorCode, ProblemCode>> = {
  not_found: 'no_such_name',
  already_exists: 'conflict',
  etag_mismatch: 'conflict',
  epoch_fenced: 'not_leader',
  lease_conflict: 'not_leader',
  receipt_lost: 'lock_lost',
  throttled: 'storage_unavailable',
  unavailable: 'storage_unavailable',
  outcome_unknown: 'outcome_unknown',
  unauthorized: 'storage_unavailable',
  invalid_request: 'internal_error',
};

const QUEUE_PROBLEMS: Readonly<Record<QueueErrorCode, ProblemCode>> = {
  lock_lost: 'lock_lost',
  queue_full: 'queue_full',
  too_large: 'too_large',
  too_many_messages: 'too_many_messages',
  bad_times: 'bad_parameter',
  storage_unavailable: 'storage_unavailable',
  outcome_unknown: 'outcome_unknown',
  busy: 'busy',
  gone: 'no_such_name',
  no_dead_letter: 'not_possible',
  not_leader: 'not_leader',
};

const ROUTER_PROBLEMS: Readonly<Record<RouterErrorCode, ProblemCode>> = {
  not_leader: 'not_leader',
  router_gone: 'no_such_name',
  no_such_subscription: 'no_such_subscription',
  bad_target: 'wrong_role',
  no_such_target: 'no_such_name',
  cycle: 'cycle',
  too_many_subscribers: 'too_many_subscribers',
  bad_request: 'bad_body',
  buffer_full: 'queue_full',
  storage_unavailable: 'storage_unavailable',
};

const WEBHOOK_PROBLEMS: Readonly<Record<WebhookErrorCode, ProblemCode>> = {
  bad_url: 'bad_webhook',
  forbidden_target: 'bad_webhook',
  bad_secret: 'bad_webhook',
  handshake_refused: 'webhook_refused',
  handshake_failed: 'webhook_refused',
};

const RELAY_PROBLEMS: Readonly<Record<RelayErrorCode, ProblemCode>> = {
  no_listener: 'no_listener',
  busy: 'busy',
  too_many_listeners: 'busy',
  not_leader: 'not_leader',
  listener_failed: 'relay_failed',
  timed_out: 'relay_timeout',
  head_too_large: 'headers_too_large',
  client_gone: 'relay_failed',
};

const FORWARD_PROBLEMS: Readonly<Record<ForwardErrorCode, ProblemCode>> = {
  no_leader: 'no_leader',
  leader_unreachable: 'leader_unreachable',
  outcome_unknown: 'outcome_unknown',
};

/** Said instead of the error's own words, which may name hosts and containers. */
const STORAGE_DETAILS: Partial<Record<ProblemCode, string>> = {
  no_such_name: 'what this name stood for is gone from storage',
  conflict: 'a document changed between reading and writing it: try again',
  lock_lost: 'the message is gone, or has been given to somebody else since',
  not_leader: 'the storage refused the write in favour of a newer leader',
  storage_unavailable: 'the storage did not answer, or refused; nothing was stored',
};

/** Problems that pass by themselves: a client is told when to come back, whether or not anybody knows better. */
const RETRY_AFTER_SECONDS: Partial<Record<ProblemCode, number>> = {
  conflict: 1,
  queue_full: 1,
  busy: 1,
  not_ready: 1,
  not_leader: 1,
  no_leader: 1,
  no_listener: 1,
  leader_unreachable: 1,
  storage_unavailable: 1,
  outcome_unknown: 1,
};

const UNKNOWN_OUTCOME_DETAIL =
  'the batch was sent and no trustworthy answer came: it may be stored or not. ' +
  'Send it again with the same Producer-Id, Producer-Epoch and Producer-Seq to have it stored once.';

/** Of anything but a batch on its way into a stream: who asked knows what it was. */
const UNKNOWN_REQUEST_DETAIL =
  'the request was sent on and no trustworthy answer came: it may have been acted on or not. ' +
  'Messages sent again with the same Producer-Id, Producer-Epoch and Producer-Seq are stored in a stream once; ' +
  'one that was given out comes back when its lock is over; before anything else is repeated, look how things are.';

/** What goes wrong becomes a problem here and nowhere else. Undefined: nothing that is expected, so a bug. */
export function problemOf(error: unknown): HttpProblem | undefined {
  const problem = mapped(error);
  if (problem === undefined) return undefined;
  const retryAfter = problem.recovery.retryAfter ?? RETRY_AFTER_SECONDS[problem.code];
  if (retryAfter === problem.recovery.retryAfter) return problem;
  return new HttpProblem(
    problem.code,
    problem.message,
    { ...problem.recovery, retryAfter },
    { cause: problem.cause },
  );
}

function mapped(error: unknown): HttpProblem | undefined {
  if (error instanceof HttpProblem) return error;
  if (error instanceof NameError) return new HttpProblem('bad_name', error.message);
  if (error instanceof PolicyError)
    return new HttpProblem('bad_policy', error.message, { field: error.field });
  if (error instanceof LogError) return logProblem(error);
  if (error instanceof StorageError) return storageProblem(error);
  if (error instanceof ForwardError) return forwardProblem(error);
  if (error instanceof QueueError) return queueProblem(error);
  if (error instanceof RouterError)
    return new HttpProblem(ROUTER_PROBLEMS[error.code], error.message, {}, { cause: error });
  if (error instanceof WebhookError)
    return new HttpProblem(WEBHOOK_PROBLEMS[error.code], error.message, {}, { cause: error });
  if (error instanceof FilterError) return new HttpProblem('bad_filter', error.message);
  if (error instanceof RelayError)
    return new HttpProblem(RELAY_PROBLEMS[error.code], error.message, {}, { cause: error });
  return undefined;
}

function logProblem(error: LogError): HttpProblem {
  const code = LOG_PROBLEMS[error.code];
  const { retryAfterMs, ...details } = error.details;
  const recovery: Recovery = {
    ...details,
    retryAfter: retryAfterMs === undefined ? undefined : retryAfterMs / 1000,
    limit: code === 'too_large' ? MAX_BATCH_BYTES : undefined,
  };
  const detail = code === 'outcome_unknown' ? UNKNOWN_OUTCOME_DETAIL : error.message;
  return new HttpProblem(code, detail, recovery, { cause: error });
}

function storageProblem(error: StorageError): HttpProblem | undefined {
  const code = STORAGE_PROBLEMS[error.code];
  if (code === 'internal_error') return undefined;
  const retryAfter = error.retryAfterMs === undefined ? undefined : error.retryAfterMs / 1000;
  const detail = STORAGE_DETAILS[code] ?? UNKNOWN_REQUEST_DETAIL;
  return new HttpProblem(code, detail, { retryAfter }, { cause: error });
}

function queueProblem(error: QueueError): HttpProblem {
  const { retryAfterMs, ...details } = error.details;
  const retryAfter = retryAfterMs === undefined ? undefined : retryAfterMs / 1000;
  return new HttpProblem(
    QUEUE_PROBLEMS[error.code],
    error.message,
    { ...details, retryAfter },
    { cause: error },
  );
}

function forwardProblem(error: ForwardError): HttpProblem {
  const code = FORWARD_PROBLEMS[error.code];
  const detail = code === 'outcome_unknown' ? UNKNOWN_REQUEST_DETAIL : error.message;
  return new HttpProblem(code, detail, {}, { cause: error });
}

/**
 * Runs `frame`; what framing refuses is the client's doing. `limit` finds which limit of the format is exceeded by what
 * is too large.
 */
export function refusingBadBatches<T>(frame: () => T, limit: (error: FramingError) => number): T {
  try {
    return frame();
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    if (error.code === 'too_large') throw tooLarge(error.message, limit(error));
    throw new HttpProblem('bad_batch', error.message, {}, { cause: error });
  }
}

function tooLarge(what: string, limit: number): HttpProblem {
  return new HttpProblem('too_large', `${what}: the limit is ${limit}`, { limit });
}
