// The public door of the bus: queues, routers, webhooks, filters and the relay, each with its own lines.

export { FilterError, type FilterErrorCode } from './filter/errors.ts';
export { type Filter, parseFilter } from './filter/filter.ts';
export { ClusterSecret, rotateClusterSecret } from './queue/cluster-secret.ts';
export type { QueueContext, QueueEvent, QueueLogger } from './queue/context.ts';
export type { DeadLetterNote } from './queue/envelope.ts';
export { isQueueError, QueueError, type QueueErrorCode, type QueueErrorDetails } from './queue/errors.ts';
export { entryOfLock } from './queue/lock-id.ts';
export type { Enqueued, EnqueueOptions } from './queue/outbox.ts';
export type { PeekedQueueMessage } from './queue/peek.ts';
export { type DeadLetterOptions, type QueueDelivery, Queues } from './queue/queues.ts';
export type { Redriven, TakeBack } from './queue/redrive.ts';
export type { QueueStats } from './queue/stats.ts';
export { RelayError, type RelayErrorCode } from './relay/errors.ts';
export { Relay } from './relay/relay.ts';
export type {
  AttachedListener,
  HubGoodbye,
  ListenerLink,
  RelayAnswer,
  RelayRequest,
  RelaySettings,
} from './relay/types.ts';
export type { Delivery, DeliveryResult } from './router/delivery.ts';
export { Dispatcher, type DispatcherOptions } from './router/dispatcher.ts';
export { isRouterError, RouterError, type RouterErrorCode } from './router/errors.ts';
export type { Attachment, ListenerEnd, RouterListener } from './router/listener.ts';
export type {
  DispatcherPorts,
  IntakeLease,
  QueuePort,
  RouterLogger,
  WebhookPort,
} from './router/ports.ts';
export { queuePort } from './router/queue-port.ts';
export type { RouterStats, SubscriptionRequest, SubscriptionView } from './router/requests.ts';
export { type Routers, routersOf } from './router/routers.ts';
export { type DispatcherSettings, defaultDispatcherSettings } from './router/settings.ts';
export { networkRefusal, type TargetRules } from './webhook/address-rules.ts';
export { WebhookError, type WebhookErrorCode } from './webhook/errors.ts';
export {
  createWebhookSender,
  type PushOptions,
  type WebhookSender,
  type WebhookSenderOptions,
} from './webhook/sender.ts';
export { defaultWebhookSettings, type WebhookSettings } from './webhook/settings.ts';
export { checkWebhookSecret, newWebhookSecret } from './webhook/signature.ts';
export type { WebhookGrant, WebhookTarget } from './webhook/target.ts';
export { checkWebhookUrl, type TargetUrl } from './webhook/target-url.ts';
export {
  type ResolvedAddress,
  type ResolveName,
  type WebhookAnswer,
  type WebhookRequest,
  type WebhookTransport,
  WebhookTransportError,
  type WebhookTransportErrorCode,
} from './webhook/transport.ts';
