import { isMembers, list, number, optionalInstant, optionalString, parseMembers, string } from './answers.ts';
import { ask } from './ask.ts';
import { VaultClientError } from './errors.ts';
import { type ClientContext, exchange } from './exchange.ts';
import { problemError, refusalCode } from './problems.ts';
import type { TransportResponse } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface StreamStats {
  readonly stream: string;
  readonly earliestOffset: number;
  readonly earliestSequenceNumber: number;
  readonly nextOffset: number;
  readonly nextSequenceNumber: number;
  /** Stored bytes. */
  readonly bytes: number;
  /** Milliseconds since 1970; undefined for a stream without messages. */
  readonly firstTimestamp: number | undefined;
  readonly lastTimestamp: number | undefined;
}

export interface LeaderInfo {
  readonly nodeId: string;
  readonly url: string;
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly since: number | undefined;
}

export interface ClusterInfo {
  /** Null when nobody leads. */
  readonly leader: LeaderInfo | null;
  /** The node that answered, and its view. */
  readonly self: { readonly nodeId: string; readonly role: string };
  /** All of the answer, as it came. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface NameEntry {
  readonly name: string;
  readonly role: string;
}

export interface NamesOptions extends CallOptions {
  /** Only names that begin with it. */
  readonly prefix?: string | undefined;
}

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const NAMES_PER_PAGE = 1000;
const HANDOVER_TIMEOUT_MS = 60_000;

interface Asked {
  readonly operation: string;
  readonly path: string;
  readonly giveUpAfterMs: number;
  readonly signal: AbortSignal | undefined;
}

function askJson<Answer>(
  context: ClientContext,
  asked: Asked,
  understand: (response: TransportResponse) => Answer,
): Promise<Answer> {
  const { attemptTimeoutMs } = context;
  const question = {
    ...asked,
    accept: 'application/json',
    maxResponseBytes: MAX_ANSWER_BYTES,
    stallTimeoutMs: attemptTimeoutMs,
  };
  return ask(context, question, understand);
}

export function askStats(
  context: ClientContext,
  stream: string,
  options: Omit<Asked, 'operation' | 'path'>,
): Promise<StreamStats> {
  const asked = { operation: `stats ${stream}`, path: `/${stream}/-/stats`, ...options };
  return askJson(context, asked, (response) => {
    const members = parseMembers(response);
    const other = ['queue', 'router'].find((role) => role in members);
    if (other !== undefined) {
      const message = `${stream} is a ${other}, not a stream: name(…).stats() tells of any role`;
      throw new VaultClientError('rejected', message);
    }
    return toStreamStats(stream, members);
  });
}

export function toStreamStats(stream: string, members: Readonly<Record<string, unknown>>): StreamStats {
  return {
    stream,
    earliestOffset: number(members, 'earliestOffset'),
    earliestSequenceNumber: number(members, 'earliestSequenceNumber'),
    nextOffset: number(members, 'nextOffset'),
    nextSequenceNumber: number(members, 'nextSequenceNumber'),
    bytes: number(members, 'bytes'),
    firstTimestamp: optionalInstant(members, 'firstTimestamp'),
    lastTimestamp: optionalInstant(members, 'lastTimestamp'),
  };
}

export function askCluster(
  context: ClientContext,
  options: Omit<Asked, 'operation' | 'path'>,
): Promise<ClusterInfo> {
  return askJson(context, { operation: 'cluster', path: '/-/cluster', ...options }, toClusterInfo);
}

function toClusterInfo(response: TransportResponse): ClusterInfo {
  const details = parseMembers(response);
  const { leader, self } = details;
  if (!isMembers(self)) throw new VaultClientError('bad_answer', "the node's answer has no object `self`");
  return {
    leader: isMembers(leader) ? toLeaderInfo(leader) : null,
    self: { nodeId: string(self, 'nodeId'), role: string(self, 'role') },
    details,
  };
}

function toLeaderInfo(leader: Readonly<Record<string, unknown>>): LeaderInfo {
  return {
    nodeId: string(leader, 'nodeId'),
    url: string(leader, 'url'),
    epoch: number(leader, 'epoch'),
    since: optionalInstant(leader, 'since'),
  };
}

/** Page by page, as they are asked for. */
export async function* askNames(
  context: ClientContext,
  prefix: string,
  options: Omit<Asked, 'operation' | 'path'>,
): AsyncGenerator<NameEntry, void, undefined> {
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      prefix,
      limit: String(NAMES_PER_PAGE),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const page = await askJson(
      context,
      { operation: 'names', path: `/-/names?${query}`, ...options },
      toNamePage,
    );
    yield* page.names;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function toNamePage(response: TransportResponse): { names: NameEntry[]; cursor: string | undefined } {
  const members = parseMembers(response);
  const names = list(members, 'names')
    .filter(isMembers)
    .map((entry) => ({ name: string(entry, 'name'), role: string(entry, 'role') }));
  return { names, cursor: optionalString(members, 'cursor') };
}

/** Asked once: what it does is not the same when done twice. Answers who leads afterwards. */
export async function askHandover(
  context: ClientContext,
  signal: AbortSignal | undefined,
): Promise<LeaderInfo | undefined> {
  const exchanged = await exchange(context, {
    url: context.nodes.writeTarget(),
    method: 'POST',
    path: '/-/cluster/handover',
    headers: { accept: 'application/json' },
    stallTimeoutMs: HANDOVER_TIMEOUT_MS,
    maxResponseBytes: MAX_ANSWER_BYTES,
    signal,
  });
  if (exchanged.kind === 'failure') {
    const { error } = exchanged;
    const code = error.code === 'aborted' ? 'aborted' : 'unavailable';
    throw new VaultClientError(code, error.message, { cause: error });
  }
  const { response, problem } = exchanged;
  if (response.status !== 200) {
    throw problemError(refusalCode(response.status, problem) ?? 'unavailable', response, problem);
  }
  const { leader } = parseMembers(response);
  return isMembers(leader) ? toLeaderInfo(leader) : undefined;
}
