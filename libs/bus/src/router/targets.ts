import type { AppendResult, ReadMessage } from '@message-vault/log';
import {
  intakeOf,
  type NameDocument,
  type QueueDocument,
  type StreamDocument,
} from '@message-vault/metadata';
import type { BatchTarget } from './batch-pump.ts';
import type { DeliveryResult } from './delivery.ts';
import type { MessageTarget } from './message-pump.ts';
import type { DispatcherPorts } from './ports.ts';
import type { PumpContext } from './pump.ts';
import type { NameTarget, Subscription, WebhookSubscriber } from './state-document.ts';

/** What tells a name's contents from those of another that had, or will have, the same name. Undefined: takes no messages. */
export function identityOf(document: NameDocument): Omit<NameTarget, 'kind' | 'name'> | undefined {
  switch (document.role) {
    case 'stream':
      return { role: 'stream', id: document.streamId };
    case 'queue':
      return { role: 'queue', id: document.queueId };
    case 'router':
      return { role: 'router', id: document.routerId };
    default:
      return undefined;
  }
}

/** Streams, and what routers take in: they have nothing twice that is sent again under the same number. */
export function knowsProducers(target: Subscription['target']): boolean {
  return target.kind === 'name' && target.role !== 'queue';
}

/** The document of what was subscribed; undefined when the name is nothing any more, or something else. */
async function sameAs(ports: DispatcherPorts, target: NameTarget): Promise<NameDocument | undefined> {
  const document = await ports.lookup(target.name);
  return document !== undefined && identityOf(document)?.id === target.id ? document : undefined;
}

/** Into a stream, or what a router takes in. */
export function streamTarget(ports: DispatcherPorts, target: NameTarget): BatchTarget {
  let last: Promise<unknown> = Promise.resolve();
  return {
    async append(batch: Uint8Array): Promise<AppendResult | 'gone'> {
      // In turn: batches come to the stream in the order they were sent, though looking up the first takes a call.
      const found = last.then(() => sameAs(ports, target));
      last = found.catch(() => undefined);
      const stream = asStream(await found);
      return stream === undefined ? 'gone' : await ports.append(stream, batch);
    },
  };
}

function asStream(document: NameDocument | undefined): StreamDocument | undefined {
  if (document?.role === 'router') return intakeOf(document);
  return document?.role === 'stream' ? document : undefined;
}

/** Sends to one queue at once: they are short, and storage takes them side by side. */
const QUEUE_CONCURRENCY = 16;
const WEBHOOK_CONCURRENCY = 16;

export function queueTarget(ports: DispatcherPorts, target: NameTarget): MessageTarget {
  return {
    concurrency: QUEUE_CONCURRENCY,
    // A queue that is full for a while is not a reason to give messages up: they wait as long as the policy lets them.
    maxAttempts: () => undefined,
    async deliver(message: ReadMessage): Promise<DeliveryResult> {
      const queue = asQueue(await sameAs(ports, target));
      if (queue === undefined) return { outcome: 'gone', reason: 'the name is no queue any more' };
      return await ports.queues.deliver(queue, message);
    },
  };
}

function asQueue(document: NameDocument | undefined): QueueDocument | undefined {
  return document?.role === 'queue' ? document : undefined;
}

/** `subscriber` is asked each time: its secrets may change. */
export function webhookTarget(context: PumpContext, subscriber: () => WebhookSubscriber): MessageTarget {
  const { ports, subscriptionId, signal } = context;
  return {
    concurrency: WEBHOOK_CONCURRENCY,
    maxAttempts: () => context.policy().pushDeliveryRetries + 1,
    deliver: (message, attempt) =>
      ports.webhooks.push(
        subscriber(),
        { router: context.router, subscriptionId, message, attempt },
        { timeoutMs: context.policy().pushDeliveryTimeoutMs, signal },
      ),
  };
}
