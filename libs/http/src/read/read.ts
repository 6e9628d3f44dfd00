import type { StreamReader } from '@message-vault/log';
import type { StreamDocument } from '@message-vault/metadata';
import { type Exchange, endSignal, type HttpContext } from '../exchange.ts';
import { Query } from '../query.ts';
import { answeredByETag, tagRange } from './caching.ts';
import { Delivery } from './delivery.ts';
import type { ReadFormat } from './formats.ts';
import { isFixed, parsePosition, resolvePosition } from './position.ts';
import { findRange, type MessageRange, type RangeRequest } from './range.ts';
import { Sink } from './sink.ts';

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
  document: StreamDocument,
  ask: { request: ReadRequest; format: ReadFormat },
): Promise<void> {
  const { reader, release } = context.ports.acquireReader(document);
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
      budget: context.reads,
      signal,
    };
    const range = await rangeOrNews(context, reader, wanted, request.waitMs);
    try {
      const { res } = exchange;
      res.setHeader('Next-Offset', range.nextOffset);
      if (range.upToDate) res.setHeader('Up-To-Date', 'true');
      res.setHeader('Vary', 'Accept');
      tagRange(context, exchange, { document, range, tag: format.tag, fixed: isFixed(request.position) });
      if (answeredByETag(exchange)) return;
      await deliver(context, exchange, reader, { stream: document.name, range, format, signal });
    } finally {
      range.takeFirst()?.release();
    }
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
    range = await findRange(reader, { ...wanted, from: range.nextOffset, fresh: false });
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

interface Answer {
  readonly stream: string;
  readonly range: MessageRange;
  readonly format: ReadFormat;
  readonly signal: AbortSignal;
}

async function deliver(
  context: HttpContext,
  exchange: Exchange,
  reader: StreamReader,
  answer: Answer,
): Promise<void> {
  const { read, http } = context.options.limits;
  const { metrics } = context.options;
  describe(exchange, answer);
  const { stream, range, format, signal } = answer;
  const delivery = new Delivery({
    reader,
    budget: context.reads,
    buffers: context.pieces,
    sink: new Sink(exchange.res, http.stalledConsumerMs),
    stream,
    range,
    format,
    stepBytes: read.stepBytes,
    signal,
    onSent: (bytes) => metrics.readBytes.inc(bytes),
  });
  metrics.readMessages.inc(await delivery.run());
}

function describe({ res }: Exchange, { format, range }: Answer): void {
  res.setHeader('Content-Type', format.contentType);
  const length = format.contentLength?.(range);
  if (length !== undefined) res.setHeader('Content-Length', length);
}
