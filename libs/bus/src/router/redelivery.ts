import { encodeBatch } from '@message-vault/framing';
import type { ReadMessage } from '@message-vault/log';
import type { DispatcherPorts } from './ports.ts';
import type { Subscription } from './state-document.ts';
import { queueTarget, streamTarget } from './targets.ts';

interface Redelivery {
  readonly router: string;
  readonly subscription: Subscription;
  readonly message: ReadMessage;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Hands a dead letter to the subscriber it was for, outside of any order. True when it was taken. */
export async function deliverOnce(ports: DispatcherPorts, redelivery: Redelivery): Promise<boolean> {
  const { router, subscription, message, timeoutMs, signal } = redelivery;
  const { target } = subscription;
  if (target.kind === 'webhook') {
    const delivery = { router, subscriptionId: subscription.id, message, attempt: 1 };
    const { outcome } = await ports.webhooks.push(target, delivery, { timeoutMs, signal });
    return outcome === 'delivered';
  }
  if (target.role === 'queue') {
    const { outcome } = await queueTarget(ports, target).deliver(message, 1);
    return outcome === 'delivered';
  }
  return (await streamTarget(ports, target).append(encodeBatch({ messages: [message] }))) !== 'gone';
}
