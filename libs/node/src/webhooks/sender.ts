import { createWebhookSender, type WebhookSender } from '@message-vault/bus';
import type { Runtime } from '@message-vault/runtime';
import type { NodeConfig } from '../config.ts';
import { nameServerResolver } from './resolver.ts';
import { undiciWebhookTransport } from './transport.ts';

/** The sender of this node's webhooks, over real connections. */
export function openWebhooks(
  config: Pick<NodeConfig, 'allowLoopbackWebhooks' | 'webhookNetworks'>,
  runtime: Runtime,
): WebhookSender {
  return createWebhookSender({
    runtime,
    transport: undiciWebhookTransport(),
    resolve: nameServerResolver(),
    settings: { allowPlainLoopback: config.allowLoopbackWebhooks, allowedNetworks: config.webhookNetworks },
  });
}
