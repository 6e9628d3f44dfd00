import {
  checkWebhookUrl,
  Dispatcher,
  type Queues,
  queuePort,
  WebhookError,
  type WebhookPort,
  type WebhookSender,
} from '@message-vault/bus';
import { decodeBatchHeader } from '@message-vault/framing';
import type { Leadership } from '@message-vault/log';
import type { Runtime } from '@message-vault/runtime';
import type { Storage } from '@message-vault/storage';
import type { Logger } from '@message-vault/telemetry';
import type { Catalog } from './catalog.ts';
import type { NodeConfig } from './config.ts';
import type { Readers } from './readers.ts';
import { streamEntry } from './stream-entry.ts';
import type { Writers } from './writers.ts';

/** What a node lends to the dispatcher of its term. */
export interface DispatchingOptions {
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly catalog: Catalog;
  readonly readers: Readers;
  readonly queues: Queues;
  /** Undefined for a node that can't reach webhooks. */
  readonly webhooks: WebhookSender | undefined;
  readonly config: Pick<NodeConfig, 'allowLoopbackWebhooks' | 'webhookNetworks' | 'webhookOrigin'>;
}

/** The dispatcher of one term: what it writes goes through the term's writers, so a leader that was deposed writes nothing. */
export function openDispatcher(
  options: DispatchingOptions,
  term: { leadership: Leadership; writers: Writers },
): Dispatcher {
  const { storage, runtime, logger, catalog, readers, queues } = options;
  const { leadership, writers } = term;
  return new Dispatcher({
    ports: {
      runtime,
      logger,
      leadership,
      documents: storage.documents,
      lookup: (name) => catalog.lookup(name),
      tail: (stream) => writers.with(streamEntry(stream), async (writer) => writer.tail),
      // Made of batches that were checked when they came in.
      append: (stream, batch) =>
        writers.with(streamEntry(stream), (writer) =>
          writer.append(batch, { header: decodeBatchHeader(batch) }),
        ),
      acquireReader: (stream) => readers.acquire(stream),
      queues: queuePort(queues),
      webhooks: webhookPort(options),
    },
  });
}

function webhookPort({ webhooks, config }: DispatchingOptions): WebhookPort {
  const rules = {
    allowPlainLoopback: config.allowLoopbackWebhooks,
    allowedNetworks: config.webhookNetworks,
  };
  if (webhooks === undefined) return unreachable;
  return {
    check: (url) => checkWebhookUrl(url, rules),
    handshake: (target, signal) => webhooks.handshake(target, config.webhookOrigin, signal),
    push: (target, delivery, options) => webhooks.push(target, delivery, options),
  };
}

const NOWHERE = 'this node reaches no webhooks';

const unreachable: WebhookPort = {
  check: () => {
    throw new WebhookError('forbidden_target', NOWHERE);
  },
  handshake: () => Promise.reject(new WebhookError('forbidden_target', NOWHERE)),
  push: async () => ({ outcome: 'retry', reason: NOWHERE }),
};
