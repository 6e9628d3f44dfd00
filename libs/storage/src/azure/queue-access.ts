import { AnonymousCredential, newPipeline, type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { Endpoint } from './endpoint.ts';
import { sdkHttpClient } from './sdk-client.ts';

/** The way to the queue service of an account. */
export interface QueueAccess extends Endpoint {
  /** The SDK's client of a queue. */
  queue(name: string): QueueClient;
}

/** `credential`: of the calls made through the SDK; without one they are authorized as all others are. */
export function queueAccess(endpoint: Endpoint, credential?: Parameters<typeof newPipeline>[0]): QueueAccess {
  const httpClient = sdkHttpClient(endpoint, { authorizes: credential === undefined });
  // Retries are ours: the SDK's own would send a message a second time.
  const options = { retryOptions: { maxTries: 1 }, httpClient };
  const pipeline = newPipeline(credential ?? new AnonymousCredential(), options);
  const service = new QueueServiceClient(endpoint.accountUrl, pipeline);
  return { ...endpoint, queue: (name) => service.getQueueClient(name) };
}
