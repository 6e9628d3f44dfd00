// The public door of the bus: queues, routers, webhooks, filters and the relay, each with its own lines.

export { FilterError, type FilterErrorCode } from './filter/errors.ts';
export { type Filter, parseFilter } from './filter/filter.ts';
export type { Delivery, DeliveryResult } from './router/delivery.ts';
export type { Attachment, ListenerEnd, RouterListener } from './router/listener.ts';
