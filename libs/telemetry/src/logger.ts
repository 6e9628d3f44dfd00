import { type DestinationStream, type Logger, pino } from 'pino';
import { redactedPaths, redactSecrets } from './redact.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Id of the node, in every line. */
  readonly nodeId: string;
  /** Where lines of JSON go. Default: standard output, written at once so that the last words of a crash are not lost. */
  readonly destination?: DestinationStream;
}

/** A logger that writes a line of JSON per event, with secrets redacted wherever they turn up in it. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level: options.level,
      base: { node: options.nodeId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...redactedPaths], censor: '[redacted]' },
      serializers: { error: pino.stdSerializers.errWithCause },
      // The finished line: messages and stacks of errors carry URLs, and nobody knows all fields beforehand.
      hooks: { streamWrite: redactSecrets },
    },
    destination,
  );
}

/** A logger that says nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
