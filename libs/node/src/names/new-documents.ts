import { createStream } from '@message-vault/log';
import {
  containerName,
  encodeNameDocument,
  intakeOf,
  type NameDocument,
  parseNameDocument,
  type RolePolicy,
  type StreamDocument,
} from '@message-vault/metadata';
import { type Runtime, randomUuid } from '@message-vault/runtime';
import type { Storage } from '@message-vault/storage';
import { streamEntry } from '../stream-entry.ts';

/** A document for `name`, with contents of its own that nothing else has ever had. */
export function newDocument(
  runtime: Runtime,
  name: string,
  rolePolicy: RolePolicy,
  epoch: number,
): NameDocument {
  return asStored(madeUp(runtime, name, rolePolicy, epoch));
}

/** As it will be read back, so that what was written and what is read can be compared. */
export function asStored(document: NameDocument): NameDocument {
  return parseNameDocument(encodeNameDocument(document));
}

function madeUp(runtime: Runtime, name: string, rolePolicy: RolePolicy, epoch: number): NameDocument {
  const id = (): string => randomUuid(runtime);
  const place = (): string => containerName(runtime.randomBytes(16));
  const common = { version: 1 as const, name, createdAt: runtime.now(), createdByEpoch: epoch };
  switch (rolePolicy.role) {
    case 'stream':
      return { ...common, ...rolePolicy, streamId: id(), container: place() };
    case 'queue': {
      const own = { queueId: id(), queue: place(), container: place() };
      return { ...common, ...rolePolicy, ...own, deadLetterId: id(), deadLetterQueue: place() };
    }
    case 'router': {
      const own = { routerId: id(), streamId: id(), container: place(), bodiesContainer: place() };
      return { ...common, ...rolePolicy, ...own, deadLetterId: id(), deadLetterQueue: place() };
    }
    default:
      return { ...common, ...rolePolicy };
  }
}

/** Makes what the role needs. Idempotent. Errors: StorageError, LogError. */
export async function createContents(storage: Storage, document: NameDocument): Promise<void> {
  const { pages, queues } = storage;
  switch (document.role) {
    case 'stream':
      return await createStreamOf(storage, document);
    case 'queue':
      await Promise.all([
        queues.createQueue(document.queue),
        queues.createQueue(document.deadLetterQueue),
        pages.createContainer(document.container),
      ]);
      return;
    case 'router':
      await Promise.all([
        createStreamOf(storage, intakeOf(document)),
        queues.createQueue(document.deadLetterQueue),
        pages.createContainer(document.bodiesContainer),
      ]);
      return;
    default:
      return;
  }
}

async function createStreamOf({ pages }: Storage, document: StreamDocument): Promise<void> {
  const { createdByEpoch: epoch, policy } = document;
  await createStream({ pages, stream: streamEntry(document).ref, epoch, segmentBytes: policy.segmentBytes });
}
