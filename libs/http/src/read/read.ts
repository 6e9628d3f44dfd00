import type { StreamReader } from '@message-vault/log';
import type { NameDocument } from '@message-vault/metadata';
import { invariant } from '@message-vault/runtime';
import { type Exchange, endSignal, type HttpContext } from '../exchange.ts';
import { Query } from '../query.ts';
import { answeredByETag, tagRange } from './caching.ts';
import type { ReadFormat } from './formats.ts';
import { isFixed, parsePosition, resolvePosition } from './position.ts';
import { findRange, type MessageRange, type RangeRequest } from './range.ts';
import { Sink } from './sink.ts';

/** How long commits are kept in memory for a client that does not take them; after that they are read again. */
const HOLD_MS = 1000;

interface ReadRequest {
  readonly position: ReturnType<typeof parsePosition>;
  readonly limit: number;
  readonly maxBytes: number;
  readonly waitMs: number;
}

/** Throws `bad_parameter`. Of `limit` and `maxBytes`, the one that is given alone is meant to decide. */
export function parseReadRequest(context: HttpContext, query: string): ReadRequest {
  const { read } = context.options.limits;
  const parameters = new Query(query);
  const limit = parameters.bound('limit', read.maxMessages);
  const maxBytes = parameters.bound('maxBytes', read.maxBytes);
  const given = limit !== undefined || maxBytes !== undefined;
  return {
    position: parsePosition(parameters.text('from')),
    limit: limit ?? (given ? read.maxMessages : read.defaultMessages),
    maxBytes: maxBytes ?? (given ? read.maxBytes : read.defaultBytes),
    waitMs: (parameters.decimal('wait', read.maxWaitSeconds) ?? 0) * 1000,
  };
}

/** `GET /{name}` for messages of the past, and for the next ones when the client waits. */
export async function readMessages(
  context: HttpContext,
  exchange: Exchange,
  name: NameDocument,
  ask: { request: ReadRequest; format: ReadFormat },
): Promise<void> {
  const { reader, release } = context.ports.acquireReader(name);
  try {
    const signal = endSignal(context, exchange);
    const { request, format } = ask;
    const from = await resolvePosition(reader, request.position, signal);
    const { limit, maxBytes } = request;
    const { stepBytes } = context.options.limits.read;
    const wanted: RangeRequest = {
      from,
      limit,
      maxBytes,
      stepBytes,
      wholeCommits: format.wholeCommits,
      signal,
    };
    const range = await rangeOrNews(context, reader, wanted, request.waitMs);
    const { res } = exchange;
    res.setHeader('Next-Offset', range.nextOffset);
    if (range.upToDate) res.setHeader('Up-To-Date', 'true');
    res.setHeader('Vary', 'Accept');
    tagRange(context, exchange, { name, range, tag: format.tag, fixed: isFixed(request.position) });
    if (answeredByETag(exchange)) return;
    await deliver(context, exchange, reader, { name: name.name, range, format, signal });
  } finally {
    release();
  }
}

/** At the tail, waits for news as long as the client allows. Ends early, with nothing, when the server is being closed. */
async function rangeOrNews(
  context: HttpContext,
  reader: StreamReader,
  wanted: RangeRequest,
  waitMs: number,
): Promise<MessageRange> {
  const deadline = performance.now() + waitMs;
  let range = await findRange(reader, wanted);
  while (range.messages === 0) {
    const timeoutMs = deadline - performance.now();
    if (timeoutMs <= 0) return range;
    const grew = await grown(context, reader, range.nextOffset, { timeoutMs, signal: wanted.signal });
    if (!grew) return range;
    range = await findRange(reader, { ...wanted, from: range.nextOffset });
  }
  return range;
}

async function grown(
  context: HttpContext,
  reader: StreamReader,
  from: number,
  wait: { timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  try {
    return await reader.waitForGrowth(from, wait);
  } catch (error) {
    if (context.closing.begun) return false;
    throw error;
  }
}

interface Delivery {
  readonly name: string;
  readonly range: MessageRange;
  readonly format: ReadFormat;
  readonly signal: AbortSignal;
}

/** Renders and sends a range as fast as the client takes it, holding a step of commits at most. */
async function deliver(
  context: HttpContext,
  exchange: Exchange,
  reader: StreamReader,
  delivery: Delivery,
): Promise<void> {
  const { range, format, signal } = delivery;
  const { read, http } = context.options.limits;
  const { metrics } = context.options;
  const sink = new Sink(exchange.res, http.stalledConsumerMs);
  describe(exchange, delivery);
  let at = range.from;
  let sent = 0;
  let commits = range.first;
  sink.write(Buffer.from(format.opening(delivery.name)));
  while (at < range.nextOffset) {
    const begun = at;
    for (const slice of format.slices(commits, { from: at, until: range.nextOffset }, sent > 0)) {
      at = slice.nextOffset;
      sent += slice.messages;
      metrics.readBytes.inc(slice.bytes.byteLength);
      if (!sink.write(slice.bytes) && !(await sink.drained(HOLD_MS))) break;
    }
    commits = [];
    await sink.drained();
    invariant(at > begun, `the range up to ${range.nextOffset} was found, so there are messages at ${at}`);
    if (at < range.nextOffset)
      commits = (await reader.read({ from: at, maxBytes: read.stepBytes, signal })).commits;
  }
  sink.write(Buffer.from(format.closing(range)));
  sink.end();
  metrics.readMessages.inc(sent);
}

function describe({ res }: Exchange, { format, range }: Delivery): void {
  res.setHeader('Content-Type', format.contentType);
  const length = format.contentLength?.(range);
  if (length !== undefined) res.setHeader('Content-Length', length);
}
