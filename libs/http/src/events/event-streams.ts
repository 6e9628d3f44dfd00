import type { StreamDocument } from '@message-vault/metadata';
import { type Exchange, endSignal, type HttpContext } from '../exchange.ts';
import { HttpProblem } from '../problems.ts';
import { Query } from '../query.ts';
import { parsePosition, resolvePosition } from '../read/position.ts';
import { EventConsumer } from './event-consumer.ts';
import { beginEvents, lastEventId } from './event-stream.ts';
import { TailHub } from './tail-hub.ts';

/** What one reading step of a consumer that is catching up fetches. */
const STEP_BYTES = 1024 * 1024;

/** All clients of this node that chase a tail by server-sent events. */
export class EventStreams {
  readonly #context: HttpContext;
  readonly #consumers = new Set<EventConsumer>();
  readonly #hubs = new Map<string, TailHub>();
  readonly #clock: NodeJS.Timeout;

  constructor(context: HttpContext) {
    this.#context = context;
    const { heartbeatMs } = context.options.limits.sse;
    this.#clock = setInterval(() => this.#tick(heartbeatMs), heartbeatMs);
    this.#clock.unref();
  }

  /** Serves one client until it goes, has got what it asked for, or the server is being closed. */
  async serve(exchange: Exchange, document: StreamDocument, query: string): Promise<void> {
    const { ports, options } = this.#context;
    if (this.#consumers.size >= options.limits.sse.maxConsumers) {
      throw new HttpProblem('busy', `this node already serves ${this.#consumers.size} event streams`, {
        retryAfter: 5,
      });
    }
    const { position, limit } = wantedEvents(exchange, query);
    const { reader, release } = ports.acquireReader(document);
    try {
      const signal = endSignal(this.#context, exchange);
      const from = await resolvePosition(reader, position, signal);
      const consumer = this.#begin(exchange, document.name, { from, limit });
      try {
        await consumer.run(reader, () => this.#hub(document), signal);
      } catch (error) {
        if (!this.#context.closing.begun) throw error;
      } finally {
        this.#consumers.delete(consumer);
        options.metrics.sseConsumers.set(this.#consumers.size);
      }
      exchange.res.end();
    } finally {
      release();
    }
  }

  stop(): void {
    clearInterval(this.#clock);
  }

  #begin(exchange: Exchange, name: string, wanted: { from: number; limit: number }): EventConsumer {
    const { res } = exchange;
    const { limits, metrics } = this.#context.options;
    const { maxBufferedBytes } = limits.sse;
    const { stalledConsumerMs } = limits.http;
    exchange.longLived = true;
    beginEvents(res, `${name} from ${wanted.from}`);
    const consumer = new EventConsumer({
      res,
      ...wanted,
      maxBufferedBytes,
      stepBytes: STEP_BYTES,
      budget: this.#context.reads,
      stalledMs: stalledConsumerMs,
      onSent: ({ bytes, messages }) => {
        metrics.readBytes.inc(bytes.byteLength);
        metrics.readMessages.inc(messages);
      },
    });
    this.#consumers.add(consumer);
    metrics.sseConsumers.set(this.#consumers.size);
    return consumer;
  }

  /** The hub of a stream lives from the first consumer at its tail to the last. */
  #hub(document: StreamDocument): TailHub {
    const known = this.#hubs.get(document.streamId);
    if (known !== undefined && !known.ended) return known;
    const { reader, release } = this.#context.ports.acquireReader(document);
    const hub = new TailHub(reader, () => {
      if (this.#hubs.get(document.streamId) === hub) this.#hubs.delete(document.streamId);
      release();
    });
    this.#hubs.set(document.streamId, hub);
    return hub;
  }

  #tick(sinceMs: number): void {
    for (const consumer of this.#consumers) consumer.tick(sinceMs);
  }
}

/** `limit` ends the stream after so many. */
function wantedEvents({ req }: Exchange, query: string) {
  const parameters = new Query(query);
  return {
    position: parsePosition(lastEventId(req) ?? parameters.text('from')),
    limit: parameters.integer('limit', { min: 1, max: Number.MAX_SAFE_INTEGER }) ?? Number.POSITIVE_INFINITY,
  };
}
