import { containerName, type QueueDocument, queuePolicySchema } from '@message-vault/metadata';
import { type Runtime, randomUuid } from '@message-vault/runtime';
import type { Storage } from '@message-vault/storage';

export interface NewQueue {
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly name: string;
  readonly policy: Partial<QueueDocument['policy']>;
}

/** A queue's document, and in storage all that it names. */
export async function newQueue({ storage, runtime, name, policy }: NewQueue): Promise<QueueDocument> {
  const place = (): string => containerName(runtime.randomBytes(16));
  const document: QueueDocument = {
    version: 1,
    name,
    role: 'queue',
    createdAt: runtime.now(),
    createdByEpoch: 1,
    queueId: randomUuid(runtime),
    queue: place(),
    deadLetterId: randomUuid(runtime),
    deadLetterQueue: place(),
    container: place(),
    policy: queuePolicySchema.parse(policy),
  };
  await storage.queues.createQueue(document.queue);
  await storage.queues.createQueue(document.deadLetterQueue);
  await storage.pages.createContainer(document.container);
  return document;
}
