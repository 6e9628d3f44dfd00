import { StorageError } from '../errors.ts';
import type { BodyStore, QueueStore } from '../ports.ts';

/** Placeholder. */
export function azureQueues(): QueueStore {
  const refuse = async (): Promise<never> => {
    throw new StorageError('invalid_request', 'queues are not there yet');
  };
  return {
    createQueue: refuse,
    deleteQueue: refuse,
    send: refuse,
    receive: refuse,
    update: refuse,
    delete: refuse,
    peek: refuse,
    properties: refuse,
  };
}

export function azureBodies(): BodyStore {
  const refuse = async (): Promise<never> => {
    throw new StorageError('invalid_request', 'bodies are not there yet');
  };
  return { put: refuse, get: refuse, delete: refuse, list: refuse };
}
