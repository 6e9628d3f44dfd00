export {
  createLogger,
  LOG_LEVELS,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  silentLogger,
} from './logger.ts';
export {
  createMetrics,
  METRIC_ROLES,
  type MetricRole,
  type Metrics,
  type MetricsOptions,
} from './metrics.ts';
export { redactSecrets } from './redact.ts';
export { traceIdOf } from './trace-context.ts';
