import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MAX_BATCH_BYTES } from '@message-vault/framing';
import { HOP_BY_HOP } from '@message-vault/relay-protocol';
import type { BodyLimits, BodyReader } from './body.ts';
import { type Exchange, goneSignal, type HttpContext } from './exchange.ts';
import { type ForwardAnswer, ForwardError } from './ports.ts';

/** Ids of the nodes a request came through, in order. */
export const FORWARDED = 'vault-forwarded';
/** Client → reader → old leader → new leader: more than that is a cluster going in circles. */
const MAX_HOPS = 3;
/** Bodies up to this are held, so that the node can send them to the next leader if this one is about to go. */
const HOLD_BYTES = MAX_BATCH_BYTES;

/** About the node the client talks to, so not taken over from the leader's answer. */
const OWN_HEADERS = new Set(['vault-node', 'vault-role', 'x-request-id']);

export interface ForwardOptions {
  /** Instead of those for bodies in general. */
  readonly bodyLimits?: Partial<BodyLimits> | undefined;
  /** Instead of the client's own, or besides them. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The answer goes on as long as it likes, also in silence; its head has to come within this time. */
  readonly lasting?: { readonly headersTimeoutMs: number } | undefined;
}

/** Passes on a request whose body was not read yet: whole if it may be held, as it comes in otherwise. */
export async function forward(
  context: HttpContext,
  exchange: Exchange,
  path: string,
  bodies: BodyReader,
  options: ForwardOptions = {},
): Promise<void> {
  const bytes = bodies.declaredBytes(exchange, options.bodyLimits?.maxBodyBytes);
  if (bytes === undefined || bytes > HOLD_BYTES)
    return await sendOnAsItComes(context, exchange, path, bodies, options);
  const body = await bodies.read(exchange);
  try {
    await sendOn(context, exchange, path, body.bytes, options);
  } finally {
    body.release();
  }
}

/** What is wrong with the body counts more than what sending half of it led to. */
async function sendOnAsItComes(
  context: HttpContext,
  exchange: Exchange,
  path: string,
  bodies: BodyReader,
  options: ForwardOptions,
): Promise<void> {
  let failure: unknown;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      yield* bodies.stream(exchange, options.bodyLimits);
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  try {
    await sendOn(context, exchange, path, pieces(), options);
  } catch (error) {
    throw failure ?? error;
  }
}

/** Passes on a request with the body given. Throws ForwardError. */
export async function sendOn(
  context: HttpContext,
  exchange: Exchange,
  path: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: ForwardOptions = {},
): Promise<void> {
  const headers = { ...headersToSend(context, exchange), ...options.headers };
  const { method = 'POST' } = exchange.req;
  const signal = goneSignal(exchange);
  const { lasting } = options;
  const answer = await context.ports.forward({ method, path, headers, body, signal, lasting });
  copyHead(exchange, answer);
  // Who waits for events sees at once that it is connected.
  if (lasting !== undefined) exchange.res.flushHeaders();
  await pipeline(Readable.from(answer.body, { objectMode: false }), exchange.res);
}

/** The headers of a request on its way to the leader. Throws ForwardError when it would go in a circle. */
export function headersToSend(context: HttpContext, exchange: Exchange): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(exchange.req.headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name)) headers[name] = value;
  }
  headers['x-request-id'] = exchange.requestId;
  headers[FORWARDED] = [...hopsOf(context, exchange), context.ports.status().nodeId].join(', ');
  return headers;
}

function hopsOf(context: HttpContext, exchange: Exchange): string[] {
  const { nodeId } = context.ports.status();
  const given = exchange.req.headers[FORWARDED];
  const hops = typeof given === 'string' ? given.split(/\s*,\s*/).filter((hop) => hop !== '') : [];
  if (hops.includes(nodeId) || hops.length >= MAX_HOPS) {
    throw new ForwardError('no_leader', `the request came through ${hops.join(', ')} and none of them leads`);
  }
  return hops;
}

/** Takes over status and headers of the leader's answer. */
export function copyHead(exchange: Exchange, answer: Pick<ForwardAnswer, 'status' | 'headers'>): void {
  const { res } = exchange;
  res.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !OWN_HEADERS.has(name)) res.setHeader(name, value);
  }
}
