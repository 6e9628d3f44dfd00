import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Account and key that every Azurite has, published in its documentation; they open nothing else. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface AzuritePorts {
  blob: number;
  queue: number;
}

/** Arguments after `node` that run Azurite on loopback. Without `dir` it keeps everything in memory. */
export function azuriteArguments(ports: AzuritePorts, dir: string | undefined): string[] {
  return [
    require.resolve('azurite/dist/src/azurite.js'),
    ...['--blobHost', '127.0.0.1', '--blobPort', String(ports.blob)],
    ...['--queueHost', '127.0.0.1', '--queuePort', String(ports.queue)],
    // Tables are not used: their service takes any free port.
    ...['--tableHost', '127.0.0.1', '--tablePort', '0'],
    ...(dir === undefined ? ['--inMemoryPersistence'] : ['--location', dir]),
    // It would call out otherwise, and refuse a client newer than itself.
    ...['--silent', '--disableTelemetry', '--skipApiVersionCheck'],
  ];
}

export function azuriteUrl(ports: AzuritePorts): string {
  return `http://127.0.0.1:${ports.blob}/${ACCOUNT}`;
}

export function azuriteConnection(ports: AzuritePorts): string {
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${ACCOUNT}`,
    `AccountKey=${KEY}`,
    `BlobEndpoint=${azuriteUrl(ports)}`,
    `QueueEndpoint=http://127.0.0.1:${ports.queue}/${ACCOUNT}`,
    '',
  ].join(';');
}
