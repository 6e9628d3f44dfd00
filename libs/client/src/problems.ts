import { optionalNumber } from './answers.ts';
import { type Problem, VaultClientError, type VaultClientErrorCode } from './errors.ts';
import type { TransportResponse } from './transport.ts';

/** Problem codes that end a call, by what the caller is told. */
const refusedByCode: Readonly<Record<string, VaultClientErrorCode>> = {
  sequence_mismatch: 'sequence_mismatch',
  producer_fenced: 'producer_fenced',
  producer_sequence_too_old: 'position_forgotten',
  too_large: 'too_large',
  too_many_messages: 'too_large',
  no_such_name: 'not_found',
  wrong_role: 'rejected',
  lock_lost: 'lock_lost',
  offset_out_of_range: 'offset_out_of_range',
  unauthorized: 'unauthorized',
  forbidden: 'unauthorized',
  not_possible: 'unsupported',
  damaged: 'damaged',
};

/** For codes that are not listed above, and answers without a code: of something between this client and the node. */
const refusedByStatus: Readonly<Record<number, VaultClientErrorCode>> = {
  401: 'unauthorized',
  403: 'unauthorized',
  404: 'not_found',
  409: 'conflict',
  412: 'changed_meanwhile',
  413: 'too_large',
};

const RETRIED_STATUSES = new Set([408, 425, 429]);
/** Somebody else was faster, and nothing was done: the same again may fare better. */
const RETRIED_CODE = 'conflict';

/** What an answer means for the caller when asking again would not change it; undefined when it might. */
export function refusalCode(status: number, problem: Problem | undefined): VaultClientErrorCode | undefined {
  const known = refusedByCode[problem?.code ?? ''];
  if (known !== undefined) return known;
  if (problem?.code === RETRIED_CODE) return undefined;
  if (status < 400 || status >= 500 || RETRIED_STATUSES.has(status)) return undefined;
  return refusedByStatus[status] ?? 'rejected';
}

export function problemError(
  code: VaultClientErrorCode,
  response: TransportResponse,
  problem: Problem | undefined,
): VaultClientError {
  return new VaultClientError(code, describeAnswer(response.status, problem), {
    status: response.status,
    problem,
    expectedSequenceNumber: optionalNumber(problem, 'expectedSequenceNumber'),
    earliestOffset: optionalNumber(problem, 'earliestOffset'),
    nextOffset: optionalNumber(problem, 'nextOffset'),
  });
}

export function describeAnswer(status: number, problem: Problem | undefined): string {
  const said = problem?.detail ?? problem?.title ?? problem?.code;
  return said === undefined ? `the node answered ${status}` : `the node answered ${status}: ${said}`;
}

/** When the node asks to come back, milliseconds from now. Its problem document is finer than the header's seconds. */
export function retryAfterMs(response: TransportResponse, problem: Problem | undefined): number | undefined {
  const seconds =
    optionalNumber(problem, 'retryAfter') ?? Number(response.headers['retry-after'] || Number.NaN);
  return Number.isNaN(seconds) ? undefined : seconds * 1000;
}
