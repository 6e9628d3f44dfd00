import { newPipeline, type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { Endpoint } from './endpoint.ts';
import { sdkHttpClient } from './sdk-client.ts';

/** The way to the queue service of an account. */
export interface QueueAccess extends Endpoint {
  /** The SDK's client of a queue. */
  queue(name: string): QueueClient;
}

/** `query`: the SAS, where that is what authorizes, with its question mark. */
export function queueAccess(
  endpoint: Endpoint,
  credential: Parameters<typeof newPipeline>[0],
  query = '',
): QueueAccess {
  // Retries are ours: the SDK's own would send a message a second time.
  const options = { retryOptions: { maxTries: 1 }, httpClient: sdkHttpClient(endpoint.pool) };
  const service = new QueueServiceClient(`${endpoint.accountUrl}${query}`, newPipeline(credential, options));
  return { ...endpoint, queue: (name) => service.getQueueClient(name) };
}
