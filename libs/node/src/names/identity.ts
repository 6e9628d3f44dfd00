import type { NameDocument, TrashDocument } from '@message-vault/metadata';

/** What tells one assignment of a role from the next: undefined for roles that hold nothing. */
export function contentsIdOf(document: NameDocument): string | undefined {
  switch (document.role) {
    case 'stream':
      return document.streamId;
    case 'queue':
      return document.queueId;
    case 'router':
      return document.routerId;
    default:
      return undefined;
  }
}

export function identityOf(document: NameDocument): string {
  return contentsIdOf(document) ?? `${document.role} ${document.createdByEpoch} ${document.createdAt}`;
}

/** All that has to go when the role goes. */
export type Contents = Pick<TrashDocument, 'containers' | 'queues' | 'documents'>;

export function contentsOf(document: NameDocument): Contents {
  switch (document.role) {
    case 'stream':
      return { containers: [document.container], queues: [], documents: [] };
    case 'queue':
      return {
        containers: [document.container],
        queues: [document.queue, document.deadLetterQueue],
        documents: [`queue-readers/${document.queueId}`],
      };
    case 'router':
      return {
        containers: [document.container, document.bodiesContainer],
        queues: [document.deadLetterQueue],
        documents: [`routers/${document.routerId}`, `cursors/${document.routerId}`],
      };
    default:
      return { containers: [], queues: [], documents: [] };
  }
}
