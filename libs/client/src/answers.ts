import { type Problem, VaultClientError } from './errors.ts';
import type { TransportResponse } from './transport.ts';

/** What nodes answer, checked member by member: an answer is input from outside like any other. */

/** Where the messages of one batch (or of one publish call) are. In a queue they have ids instead of offsets. */
export interface PublishAnswer {
  readonly count: number;
  /** NaN in a queue, like all three below it. */
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly firstSequenceNumber: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** In a queue: the messages' ids there, in their order. */
  readonly messageIds?: readonly string[] | undefined;
}

type Members = Readonly<Record<string, unknown>>;

export function parsePublishAnswer(response: TransportResponse): PublishAnswer {
  const members = parseMembers(response);
  if (Array.isArray(members.messageIds)) return enqueued(members, members.messageIds);
  return {
    count: number(members, 'count'),
    firstOffset: number(members, 'firstOffset'),
    nextOffset: number(members, 'nextOffset'),
    firstSequenceNumber: number(members, 'firstSequenceNumber'),
    timestamp: instant(members, 'timestamp'),
  };
}

function enqueued(members: Members, ids: readonly unknown[]): PublishAnswer {
  const messageIds = ids.map(String);
  const nowhere = Number.NaN;
  return {
    count: number(members, 'count'),
    firstOffset: nowhere,
    nextOffset: nowhere,
    firstSequenceNumber: nowhere,
    timestamp: nowhere,
    messageIds,
  };
}

/** The JSON object a node answered. Error: `bad_answer`. */
export function parseMembers(response: TransportResponse): Members {
  const value = parseJson(response.body);
  if (!isMembers(value)) throw badAnswer('a JSON object was expected', response);
  return value;
}

/** The problem document of an error answer, undefined when it is none (a proxy's page, say). */
export function parseProblem(response: TransportResponse): Problem | undefined {
  if (!(response.headers['content-type'] ?? '').includes('json')) return undefined;
  const value = parseJson(response.body);
  if (!isMembers(value)) return undefined;
  const { type, title, status, code, detail, ...others } = value;
  return {
    ...others,
    ...(typeof type === 'string' ? { type } : {}),
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof detail === 'string' ? { detail } : {}),
  };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function number(members: Members, name: string): number {
  const value = members[name];
  if (typeof value !== 'number')
    throw new VaultClientError('bad_answer', `the node's answer has no number \`${name}\``);
  return value;
}

export function optionalNumber(members: Members | undefined, name: string): number | undefined {
  const value = members?.[name];
  return typeof value === 'number' ? value : undefined;
}

export function string(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== 'string')
    throw new VaultClientError('bad_answer', `the node's answer has no string \`${name}\``);
  return value;
}

export function optionalString(members: Members | undefined, name: string): string | undefined {
  const value = members?.[name];
  return typeof value === 'string' ? value : undefined;
}

export function list(members: Members, name: string): readonly unknown[] {
  const value = members[name];
  if (!Array.isArray(value))
    throw new VaultClientError('bad_answer', `the node's answer has no list \`${name}\``);
  return value;
}

/** Milliseconds since 1970, from a number or from an RFC 3339 instant. */
function instant(members: Members, name: string): number {
  const value = members[name];
  const parsed = typeof value === 'string' ? Date.parse(value) : value;
  if (typeof parsed !== 'number' || Number.isNaN(parsed)) {
    throw new VaultClientError('bad_answer', `the node's answer has no instant \`${name}\``);
  }
  return parsed;
}

export function optionalInstant(members: Members, name: string): number | undefined {
  return members[name] === undefined || members[name] === null ? undefined : instant(members, name);
}

export function badAnswer(message: string, response: TransportResponse): VaultClientError {
  return new VaultClientError('bad_answer', `${message} (status ${response.status})`, {
    status: response.status,
  });
}
