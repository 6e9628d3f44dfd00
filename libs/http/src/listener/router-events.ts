import type { ServerResponse } from 'node:http';
import type { Attachment, ListenerEnd, RouterListener } from '@message-vault/bus';
import type { ReadMessage } from '@message-vault/log';
import type { RouterDocument } from '@message-vault/metadata';
import accepts from 'accepts';
import { beginEvents, HEARTBEAT, lastEventId, writeEventHead } from '../events/event-stream.ts';
import { type Exchange, endSignal, type HttpContext } from '../exchange.ts';
import { forward } from '../forward.ts';
import { HttpProblem } from '../problems.ts';
import { EVENT_STREAM } from '../read/formats.ts';
import { messageJson } from '../read/render.ts';
import type { RoleRequest } from '../roles.ts';
import { type WantedListening, wantedListening } from './wanted.ts';

/** Time for the leader to answer a request that was passed on. */
const HEADERS_TIMEOUT_MS = 60_000;

/** Listening to a router by server-sent events. On the leader; other nodes pass it on. */
export async function listenByEvents(request: RoleRequest<RouterDocument>): Promise<void> {
  const { context, exchange, target, bodies } = request;
  if (accepts(exchange.req).types([EVENT_STREAM]) === false)
    throw new HttpProblem('not_acceptable', `expected ${EVENT_STREAM}, or a WebSocket`, {
      allowed: [EVENT_STREAM],
    });
  exchange.longLived = true;
  if (context.ports.status().takesWrites) return await serve(request);
  const lasting = { headersTimeoutMs: HEADERS_TIMEOUT_MS };
  await forward(context, exchange, target.url, bodies, { lasting });
}

async function serve({ context, exchange, target, document }: RoleRequest<RouterDocument>): Promise<void> {
  const wanted = wantedListening(document, target.query, lastEventId(exchange.req));
  if (exchange.req.method === 'HEAD') {
    writeEventHead(exchange.res);
    exchange.res.end();
    return;
  }
  const release = context.listeners.take();
  try {
    const signal = endSignal(context, exchange);
    const listener = new RouterEvents(context, exchange, wanted);
    const attachment = await context.ports.routers.attach(document, listener);
    await listener.run(attachment, signal);
  } finally {
    release();
  }
}

/**
 * A listener at the end of an event stream, which can't acknowledge: a message counts as delivered when the connection has
 * taken it. Who takes nothing for too long is cut off, and what was on its way is not delivered.
 */
class RouterEvents implements RouterListener {
  readonly id: string;
  readonly filter: string | undefined;
  readonly from: RouterListener['from'];
  readonly #res: ServerResponse;
  readonly #maxBufferedBytes: number;
  readonly #stalledMs: number;
  readonly #heartbeatMs: number;
  readonly #over = Promise.withResolvers<void>();
  #attachment: Attachment | undefined;
  /** Events on their way to the connection. */
  #underWay = 0;
  #refused = false;
  #quiet = true;

  constructor(context: HttpContext, { res }: Exchange, wanted: WantedListening) {
    const { sse, listener } = context.options.limits;
    this.id = wanted.id;
    this.filter = wanted.filter;
    this.from = wanted.from;
    this.#res = res;
    this.#maxBufferedBytes = sse.maxBufferedBytes;
    this.#heartbeatMs = sse.heartbeatMs;
    this.#stalledMs = listener.stalledMs;
  }

  /** Serves until the client goes, the router lets go, or `signal` fires. */
  async run(attachment: Attachment, signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#over.resolve();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const clock = setInterval(() => this.#beat(), this.#heartbeatMs);
    clock.unref();
    beginEvents(this.#res, `listener ${this.id}`);
    this.#attachment = attachment;
    this.#room();
    try {
      await this.#over.promise;
    } finally {
      clearInterval(clock);
      this.#attachment?.detach();
      this.#attachment = undefined;
      this.#res.end();
    }
  }

  offer(message: ReadMessage): 'taken' | 'full' {
    const isFull = this.#res.writableLength > this.#maxBufferedBytes;
    if (this.#attachment === undefined || isFull || this.#res.destroyed) {
      this.#refused = true;
      return 'full';
    }
    // By sequence number: that of the next message is known without looking at it.
    const event = `id: seq:${message.sequenceNumber + 1}\ndata: ${messageJson(message)}\n\n`;
    this.#underWay += 1;
    this.#quiet = false;
    this.#sendAwayAfter(this.#stalledMs);
    this.#res.write(event, (error) => {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#sendAwayAfter(0);
      if (error === null || error === undefined) this.#attachment?.acknowledge(message.offset);
      this.#room();
    });
    return 'taken';
  }

  acknowledged(): void {
    // Nobody waits for it here.
  }

  ended(why: ListenerEnd): void {
    this.#attachment = undefined;
    if (!this.#res.destroyed && this.#res.headersSent) this.#res.write(`: ${why}\n\n`);
    this.#over.resolve();
  }

  #room(): void {
    if (!this.#refused || this.#res.writableLength > this.#maxBufferedBytes) return;
    this.#refused = false;
    this.#attachment?.room();
  }

  #beat(): void {
    if (this.#quiet && this.#underWay === 0) this.#res.write(HEARTBEAT);
    this.#quiet = true;
  }

  /** The socket's own time-out starts anew with every part the client takes. 0 for never. */
  #sendAwayAfter(ms: number): void {
    this.#res.socket?.setTimeout(ms);
  }
}
