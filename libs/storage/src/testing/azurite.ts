import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { developmentAccount } from '../azure/connection-string.ts';

const require = createRequire(import.meta.url);
const startWithinMs = 30_000;
const stopWithinMs = 15_000;

export interface AzuriteOptions {
  /** Where the data is kept, and stays after `stop`. A temporary folder, removed by `stop`, when none is given. */
  readonly dir?: string;
  /** Keep nothing on disk. */
  readonly inMemory?: boolean;
  /** Find a container and a blob at once among thousands; else each call goes through all there are. */
  readonly manyContainers?: boolean;
  /** Fixed ports, to start again where one stopped. Free ones are taken by default. */
  readonly ports?: { readonly blob: number; readonly queue: number; readonly table: number };
  /** Serve HTTPS with this certificate and key (paths of PEM files), and take bearer tokens without checking who signed them. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

export interface Azurite {
  readonly connectionString: string;
  /** Account URL of the blob service, without a slash at the end. */
  readonly blobUrl: string;
  /** Account URL of the queue service, without a slash at the end. */
  readonly queueUrl: string;
  readonly ports: { readonly blob: number; readonly queue: number; readonly table: number };
  readonly pid: number;
  /** Ends the process in order (it saves its state) and waits until it is gone. Does nothing when it already is. */
  stop(): Promise<void>;
}

/**
 * Starts a real Azurite on loopback, as a process of its own, and answers when all its services listen.
 * It dies with this process at the latest. Throws with what Azurite printed when it does not start.
 */
export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  const scratch = await mkdtemp(join(tmpdir(), 'azurite-'));
  const child = spawn(process.execPath, azuriteArguments({ ...options, dir: options.dir ?? scratch }), {
    cwd: scratch,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const stop = async (): Promise<void> => {
    await end(child);
    process.off('exit', killWithUs);
    await rm(scratch, { recursive: true, force: true });
  };
  try {
    const ports = await listening(child);
    return {
      ...azuriteEndpoints(ports, options.tls === undefined ? 'http' : 'https'),
      ports,
      pid: child.pid ?? 0,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Arguments after `node` that run Azurite on loopback, in a process that the caller looks after. */
export function azuriteArguments({
  dir,
  inMemory,
  manyContainers,
  ports,
  tls,
}: AzuriteOptions & { readonly dir: string }): string[] {
  const port = (service: 'blob' | 'queue' | 'table'): string[] => [
    `--${service}Port`,
    String(ports?.[service] ?? 0),
  ];
  return [
    // It shares the machine with what it serves, and spends more on collecting its buffers than on all else.
    `--import=${import.meta.resolve('@message-vault/runtime/preload-collector')}`,
    ...(manyContainers === true ? [`--import=${import.meta.resolve('./azurite-lookups.ts')}`] : []),
    require.resolve('azurite/dist/src/azurite.js'),
    ...(inMemory === true ? ['--inMemoryPersistence'] : ['--location', dir]),
    ...['blob', 'queue', 'table'].map((service) => `--${service}Host=127.0.0.1`),
    ...port('blob'),
    ...port('queue'),
    ...port('table'),
    ...(tls === undefined ? [] : ['--cert', tls.certFile, '--key', tls.keyFile, '--oauth', 'basic']),
    // No calls to the outside, and none refused for being made by a newer client than Azurite knows.
    ...['--silent', '--disableTelemetry', '--skipApiVersionCheck'],
  ];
}

/** The ports of the three services, from the lines Azurite prints as each begins to listen. */
function listening(child: ChildProcess): Promise<Azurite['ports']> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const failed = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`Azurite ${why}. It printed: ${printed.trim() || 'nothing'}`));
    };
    const timer = setTimeout(() => failed(`did not start within ${startWithinMs} ms`), startWithinMs);
    const onData = (chunk: Buffer): void => {
      if (printed.length < 65_536) printed += chunk.toString();
      const ports = portsIn(printed);
      if (ports === undefined) return;
      clearTimeout(timer);
      resolve(ports);
    };
    child.stdout?.on('data', onData);
    child.stderr?.on('data', onData);
    child.once('error', (error) => failed(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => failed(`ended at once (${signal ?? `exit code ${code}`})`));
  });
}

function portsIn(printed: string): Azurite['ports'] | undefined {
  const port = (service: string): number =>
    Number(
      new RegExp(`${service} service is successfully listening at https?://[^\\s]*:(\\d+)\\s`).exec(
        printed,
      )?.[1],
    );
  const ports = { blob: port('Blob'), queue: port('Queue'), table: port('Table') };
  return Number.isNaN(ports.blob + ports.queue + ports.table) ? undefined : ports;
}

/** How to reach an Azurite on these ports. */
export function azuriteEndpoints(
  ports: Pick<Azurite['ports'], 'blob' | 'queue'>,
  protocol: 'http' | 'https' = 'http',
): Pick<Azurite, 'connectionString' | 'blobUrl' | 'queueUrl'> {
  const blobUrl = `${protocol}://127.0.0.1:${ports.blob}/${developmentAccount.name}`;
  const queueUrl = `${protocol}://127.0.0.1:${ports.queue}/${developmentAccount.name}`;
  const connectionString =
    `DefaultEndpointsProtocol=${protocol};AccountName=${developmentAccount.name};AccountKey=${developmentAccount.key};` +
    `BlobEndpoint=${blobUrl};QueueEndpoint=${queueUrl};`;
  return { connectionString, blobUrl, queueUrl };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await gone;
  clearTimeout(patience);
}
