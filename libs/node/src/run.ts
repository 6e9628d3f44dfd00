import { returnMemoryWhenIdle, tuneCollectorForBuffers } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import { createLogger, type Logger } from '@message-vault/telemetry';
import { ConfigError, configFromArguments, type NodeConfig, usage } from './config.ts';
import { createNode } from './node.ts';

/** A stop that takes longer than this is cut short: whoever waits for the process should not wait for ever. */
const STOP_WITHIN_MS = 20_000;

/**
 * The main program of a broker app: reads flags and environment, runs the node, and ends the process: 0 after SIGTERM or
 * SIGINT, 2 for settings that can't be used, 1 for everything else.
 */
export async function runBroker(app: NodeConfig['app'], args: readonly string[]): Promise<void> {
  tuneCollectorForBuffers();
  returnMemoryWhenIdle();
  const config = readConfig(app, args);
  if (config === undefined) return;
  const logger = createLogger({ level: config.logLevel, nodeId: config.nodeId });
  endOnBugs(logger);
  try {
    const node = await createNode(config, { logger });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => void stopAndExit(node, logger, signal));
    }
  } catch (error) {
    if (isStorageError(error, 'invalid_request')) return refuse(app, `--storage: ${error.message}`);
    logger.fatal({ error }, 'could not start');
    process.exitCode = 1;
  }
}

function readConfig(app: NodeConfig['app'], args: readonly string[]): NodeConfig | undefined {
  try {
    const config = configFromArguments(app, args, process.env);
    if (config !== 'help') return config;
    process.stdout.write(usage(app));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(app, error.message);
  }
  return undefined;
}

function refuse(app: NodeConfig['app'], message: string): void {
  process.stderr.write(`${app}: ${message}\n(${app} --help shows all settings)\n`);
  process.exitCode = 2;
}

async function stopAndExit(node: { stop(): Promise<void> }, logger: Logger, signal: string): Promise<void> {
  logger.info({ signal }, 'asked to stop');
  setTimeout(() => {
    logger.error('stopping takes too long: ends at once');
    process.exit(1);
  }, STOP_WITHIN_MS).unref();
  try {
    await node.stop();
    process.exit(0);
  } catch (error) {
    logger.fatal({ error }, 'could not stop in order');
    process.exit(1);
  }
}

/** A bug nobody expected: nothing in memory can be trusted any more. The storage refuses what is wrong, the standby leads on. */
function endOnBugs(logger: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.fatal({ error, event }, 'hit a bug and ends');
      process.exit(1);
    });
  }
}
