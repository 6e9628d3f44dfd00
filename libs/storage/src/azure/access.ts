import {
  AnonymousCredential,
  BlobServiceClient,
  type ContainerClient,
  newPipeline,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { StorageError } from '../errors.ts';
import { parseConnectionString, queueUrlBeside } from './connection-string.ts';
import { byOwnSas, bySas, byToken, type Endpoint, endpointAt, parseUrl } from './endpoint.ts';
import { type QueueAccess, queueAccess } from './queue-access.ts';
import { sdkHttpClient } from './sdk-client.ts';
import type { AzureAccess, AzureSettings } from './settings.ts';
import { type BearerTokens, bearerTokens } from './tokens.ts';

/** Who may sign read access for others. */
export type Signer =
  | { readonly kind: 'key'; readonly credential: StorageSharedKeyCredential }
  | { readonly kind: 'delegation'; readonly service: BlobServiceClient; readonly accountName: string };

/** The way to one storage account, or to one container of it; itself the way to its blob service. */
export interface Access extends Endpoint {
  /** The SDK's client of a container. */
  container(name: string): ContainerClient;
  readonly signer: Signer | undefined;
  /** Undefined where it is not known where the account's queues are. */
  readonly queues: QueueAccess | undefined;
}

/** Writes, reads, removes and lists page blobs and block blobs. */
const blobScope = { services: 'b', resourceTypes: 'co', permissions: 'rwdlc' } as const;
/** Sends, receives, peeks at, updates and deletes messages. Azurite takes the last two for calls about the queue. */
const queueScope = { services: 'q', resourceTypes: 'co', permissions: 'rapuwdc' } as const;

/** Errors: `invalid_request` for what is not a connection string or URL. */
export function openAccess(how: AzureAccess, settings: AzureSettings): Access {
  if ('containerSasUrl' in how) return containerAccess(how.containerSasUrl, settings);
  if ('accountUrl' in how) return accountAccess(how, settings);
  const { blobUrl, queueUrl, access } = parseConnectionString(how.connectionString);
  if (access.kind === 'sas') return sasAccess({ blobUrl, queueUrl }, access.query, settings);
  const credential = new StorageSharedKeyCredential(access.accountName, access.accountKey);
  return keyAccess({ blobUrl, queueUrl }, credential, settings);
}

interface ServiceUrls {
  readonly blobUrl: string;
  readonly queueUrl: string | undefined;
}

function accountAccess(how: Extract<AzureAccess, { accountUrl: string }>, settings: AzureSettings): Access {
  const { plain: blobUrl, url } = accountUrlOf(how.accountUrl);
  const given = how.queueUrl === undefined ? undefined : accountUrlOf(how.queueUrl);
  const urls = { blobUrl, queueUrl: given?.plain ?? queueUrlBeside(blobUrl) };
  if (url.searchParams.has('sig')) return sasAccess(urls, url.search.slice(1), settings);
  if (url.protocol !== 'https:' || (given !== undefined && given.url.protocol !== 'https:'))
    throw new StorageError('invalid_request', 'tokens are sent over https only');
  return tokenAccess(urls, bearerTokens(how.credential, settings.runtime), settings);
}

function accountUrlOf(text: string): { url: URL; plain: string } {
  const url = parseUrl(text);
  return { url, plain: `${url.origin}${url.pathname.replace(/\/+$/, '')}` };
}

function keyAccess(
  { blobUrl, queueUrl }: ServiceUrls,
  credential: StorageSharedKeyCredential,
  settings: AzureSettings,
): Access {
  const blobs = endpointAt(blobUrl, settings, byOwnSas(credential, blobScope, settings.runtime));
  const queues =
    queueUrl === undefined
      ? undefined
      : endpointAt(queueUrl, settings, byOwnSas(credential, queueScope, settings.runtime));
  return {
    ...blobs,
    container: containersOf(blobService(blobs)),
    signer: { kind: 'key', credential },
    queues: queues && queueAccess(queues),
  };
}

function tokenAccess(
  { blobUrl, queueUrl }: ServiceUrls,
  tokens: BearerTokens,
  settings: AzureSettings,
): Access {
  const authorize = byToken(tokens, settings.runtime);
  const blobs = endpointAt(blobUrl, settings, authorize);
  const queues = queueUrl === undefined ? undefined : endpointAt(queueUrl, settings, authorize);
  const service = blobService(blobs, tokens.credential);
  return {
    ...blobs,
    container: containersOf(service),
    signer: { kind: 'delegation', service, accountName: service.accountName },
    queues: queues && queueAccess(queues, tokens.credential),
  };
}

function sasAccess({ blobUrl, queueUrl }: ServiceUrls, query: string, settings: AzureSettings): Access {
  const blobs = endpointAt(blobUrl, settings, bySas(query));
  const queues = queueUrl === undefined ? undefined : endpointAt(queueUrl, settings, bySas(query));
  return {
    ...blobs,
    container: containersOf(blobService(blobs)),
    signer: undefined,
    queues: queues && queueAccess(queues),
  };
}

/** What the SAS does not cover, another container above all, the storage itself refuses. It covers no queue. */
function containerAccess(containerSasUrl: string, settings: AzureSettings): Access {
  const url = parseUrl(containerSasUrl);
  const accountPath = url.pathname.replace(/\/[^/]*\/?$/, '');
  return sasAccess(
    { blobUrl: `${url.origin}${accountPath}`, queueUrl: undefined },
    url.search.slice(1),
    settings,
  );
}

/** `credential`: of the calls made through the SDK; without one they are authorized as all others are. */
function blobService(endpoint: Endpoint, credential?: Parameters<typeof newPipeline>[0]): BlobServiceClient {
  const httpClient = sdkHttpClient(endpoint, { authorizes: credential === undefined });
  // Retries are ours: the SDK's own would send a write a second time.
  const options = { retryOptions: { maxTries: 1 }, httpClient };
  const pipeline = newPipeline(credential ?? new AnonymousCredential(), options);
  return new BlobServiceClient(endpoint.accountUrl, pipeline);
}

function containersOf(service: BlobServiceClient): (name: string) => ContainerClient {
  return (name) => service.getContainerClient(name);
}
