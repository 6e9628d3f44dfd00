import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Put Page and the way around it: from well under a millisecond in memory to the ten seconds after which we give up. */
const SECONDS = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.5, 1, 2, 5, 10];

/** Values of the label `role`, one gauge each, 1 for the role in force. */
export const METRIC_ROLES = [
  'starting',
  'standby',
  'leading',
  'draining',
  'fenced',
  'stopped',
  'reading',
] as const;
export type MetricRole = (typeof METRIC_ROLES)[number];

export interface MetricsOptions {
  readonly nodeId: string;
  /** Also memory, CPU, garbage collection and event-loop lag of this process. Once per process: they are its, not a node's. */
  readonly processMetrics: boolean;
}

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * All metrics of a node, on a registry of their own. Every series carries the label `node`.
 * No label has a stream's name or anything else a client may choose: their number is bounded.
 */
export function createMetrics(options: MetricsOptions) {
  const registry = new Registry();
  registry.setDefaultLabels({ node: options.nodeId });
  if (options.processMetrics) collectDefaultMetrics({ register: registry, prefix: 'mvault_' });
  return {
    ...httpMetrics(registry),
    ...logMetrics(registry),
    ...readMetrics(registry),
    ...queueMetrics(registry),
    ...clusterMetrics(registry),
    ...storageMetrics(registry),
    /** Prometheus text exposition. */
    text: (): Promise<string> => registry.metrics(),
    contentType: registry.contentType,
  };
}

function httpMetrics(registry: Registry) {
  const registers = [registry];
  return {
    httpRequests: new Counter({
      name: 'mvault_http_requests_total',
      help: 'Answered requests by route and status',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    httpSeconds: new Histogram({
      name: 'mvault_http_request_seconds',
      help: 'Time from the headers of a request to the end of its answer; long polls and event streams are left out',
      labelNames: ['route'],
      buckets: SECONDS,
      registers,
    }),
    httpBodyBytes: new Gauge({
      name: 'mvault_http_body_bytes',
      help: 'Bytes of request bodies held right now',
      registers,
    }),
    webSockets: new Gauge({
      name: 'mvault_web_sockets',
      help: 'Open WebSockets by what they are for, those passed on to the leader included',
      labelNames: ['route'],
      registers,
    }),
    sseConsumers: new Gauge({
      name: 'mvault_sse_consumers',
      help: 'Consumers connected by server-sent events',
      registers,
    }),
  };
}

function logMetrics(registry: Registry) {
  return {
    publishedMessages: counter(registry, 'mvault_published_messages_total', 'Messages acknowledged'),
    publishedBatches: counter(
      registry,
      'mvault_published_batches_total',
      'Batches acknowledged, repeats left out',
    ),
    publishedBytes: counter(registry, 'mvault_published_bytes_total', 'Bytes of batches acknowledged'),
    duplicateBatches: counter(
      registry,
      'mvault_duplicate_batches_total',
      'Batches answered with their first answer',
    ),
    openStreams: gauge(registry, 'mvault_open_streams', 'Streams open for writing'),
    queuedBytes: gauge(registry, 'mvault_queued_bytes', 'Bytes of batches waiting for their commit'),
  };
}

function readMetrics(registry: Registry) {
  return {
    readMessages: counter(registry, 'mvault_read_messages_total', 'Messages given to consumers'),
    readBytes: counter(registry, 'mvault_read_bytes_total', 'Bytes of answers given to consumers'),
    cacheBytes: gauge(registry, 'mvault_cache_bytes', 'Bytes of commits held in memory'),
  };
}

function queueMetrics(registry: Registry) {
  return {
    queueMessages: new Counter({
      name: 'mvault_queue_messages_total',
      help: 'Messages of queues, by what happened to them at this node',
      labelNames: ['event'],
      registers: [registry],
    }),
    queueWaiters: gauge(registry, 'mvault_queue_waiters', 'Requests that wait for a message of a queue'),
  };
}

function clusterMetrics(registry: Registry) {
  const role = new Gauge({
    name: 'mvault_role',
    help: '1 for the role this node has, 0 for the others',
    labelNames: ['role'],
    registers: [registry],
  });
  return {
    setRole(current: MetricRole): void {
      for (const each of METRIC_ROLES) role.set({ role: each }, each === current ? 1 : 0);
    },
    epoch: gauge(registry, 'mvault_epoch', 'Newest epoch this node knows of'),
    leadershipChanges: counter(
      registry,
      'mvault_leadership_changes_total',
      'Times this node began or ceased to lead',
    ),
    forwarded: new Counter({
      name: 'mvault_forwarded_requests_total',
      help: 'Requests passed on to the leader, by how it went',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    alarms: new Gauge({
      name: 'mvault_alarm',
      help: '1 while an alarm is raised',
      labelNames: ['code'],
      registers: [registry],
    }),
  };
}

function storageMetrics(registry: Registry) {
  return {
    storageCalls: new Counter({
      name: 'mvault_storage_calls_total',
      help: 'Calls of the storage by operation and outcome (ok or the code of the error)',
      labelNames: ['operation', 'outcome'],
      registers: [registry],
    }),
    storageSeconds: new Histogram({
      name: 'mvault_storage_call_seconds',
      help: 'Time of storage calls',
      labelNames: ['operation'],
      buckets: SECONDS,
      registers: [registry],
    }),
  };
}

function counter(registry: Registry, name: string, help: string): Counter {
  return new Counter({ name, help, registers: [registry] });
}

function gauge(registry: Registry, name: string, help: string): Gauge {
  return new Gauge({ name, help, registers: [registry] });
}
