// The public door of the bus: queues, routers, webhooks, filters and the relay, each with its own lines.
export {};
