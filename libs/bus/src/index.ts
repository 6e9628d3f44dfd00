// The public door of the bus: queues, routers, webhooks, filters and the relay, each with its own lines.
export type { Delivery, DeliveryResult } from './router/delivery.ts';
export type { Attachment, ListenerEnd, RouterListener } from './router/listener.ts';
