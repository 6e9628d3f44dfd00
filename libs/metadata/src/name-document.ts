import { z } from 'zod';
import { containerSchema } from './containers.ts';
import { encodeDocument, parseDocument } from './documents.ts';
import { isName } from './names.ts';
import { commonPolicySchema } from './policies/common.ts';
import { queuePolicySchema } from './policies/queue.ts';
import { metadataPolicySchema } from './policies/reference.ts';
import { routerPolicySchema } from './policies/router.ts';
import { streamPolicySchema } from './policies/stream.ts';

/** What every name with a role has, whatever the role. */
const nameFields = {
  version: z.literal(1),
  /** The name this document is about, so that a document at the wrong path is noticed. */
  name: z.string().refine(isName, 'expected a name'),
  /** Milliseconds since 1970, by the clock of the leader that created it. */
  createdAt: z.int().nonnegative(),
  /** Epoch of that leader; 0 for what no leader made. */
  createdByEpoch: z.int().nonnegative(),
  /** Epoch of the leader that changed it last; unset while nobody has. A leader of an older epoch may not change it. */
  changedByEpoch: z.int().nonnegative().optional(),
};

const streamDocumentSchema = z.strictObject({
  ...nameFields,
  role: z.literal('stream'),
  /** UUID of the stream, in every one of its commits. A name that is dropped and taken again gets another. */
  streamId: z.uuid(),
  /** Container that holds the segments. */
  container: containerSchema,
  policy: streamPolicySchema,
});

/** Storage queues are named like containers: see `containerName`. */
const queueNameSchema = containerSchema;

const queueDocumentSchema = z.strictObject({
  ...nameFields,
  role: z.literal('queue'),
  queueId: z.uuid(),
  /** Storage queue that holds the messages. */
  queue: queueNameSchema,
  deadLetterId: z.uuid(),
  /** Storage queue that holds what was given up. */
  deadLetterQueue: queueNameSchema,
  /** Container of bodies too large for either queue. */
  container: containerSchema,
  policy: queuePolicySchema,
});

const routerDocumentSchema = z.strictObject({
  ...nameFields,
  role: z.literal('router'),
  routerId: z.uuid(),
  /** The stream everything that flows in goes to first. */
  streamId: z.uuid(),
  container: containerSchema,
  deadLetterId: z.uuid(),
  deadLetterQueue: queueNameSchema,
  /** Container of dead-lettered bodies too large for the queue. */
  bodiesContainer: containerSchema,
  policy: routerPolicySchema,
});

const connectionPointDocumentSchema = z.strictObject({
  ...nameFields,
  role: z.literal('connection-point'),
  policy: commonPolicySchema,
});

const metadataDocumentSchema = z.strictObject({
  ...nameFields,
  role: z.literal('metadata'),
  policy: metadataPolicySchema,
});

const nameDocumentSchema = z.discriminatedUnion('role', [
  streamDocumentSchema,
  queueDocumentSchema,
  routerDocumentSchema,
  connectionPointDocumentSchema,
  metadataDocumentSchema,
]);

export type StreamDocument = z.infer<typeof streamDocumentSchema>;
export type QueueDocument = z.infer<typeof queueDocumentSchema> & {
  /** The name whose dead letters these are. Only in what `deadLetterOf` derives: such a queue has no document of its own. */
  deadLetterOf?: string | undefined;
};
export type RouterDocument = z.infer<typeof routerDocumentSchema>;
export type ConnectionPointDocument = z.infer<typeof connectionPointDocumentSchema>;
export type MetadataDocument = z.infer<typeof metadataDocumentSchema>;

/** What is known of a name that has a role. Stored at `namePath(name)`. */
export type NameDocument =
  | StreamDocument
  | QueueDocument
  | RouterDocument
  | ConnectionPointDocument
  | MetadataDocument;

const removedNameSchema = z.strictObject({
  version: z.literal(1),
  name: nameFields.name,
  role: z.literal('none'),
  /** Milliseconds since 1970, by the clock of the leader that removed it. */
  removedAt: z.int().nonnegative(),
  removedByEpoch: z.int().nonnegative(),
});

/**
 * Stands for a while where the document of a name was whose role was removed, so that a write from before the removal,
 * however late it arrives, finds that it is too late.
 */
export type RemovedName = z.infer<typeof removedNameSchema>;

const nameRecordSchema = z.union([nameDocumentSchema, removedNameSchema]);

export function encodeRemovedName(removed: RemovedName): Uint8Array {
  return encodeDocument(removedNameSchema, removed);
}

/** What is stored at the path of a name: its document, or that it had one. Throws DocumentError. */
export function parseNameRecord(body: Uint8Array): NameDocument | RemovedName {
  return parseDocument(nameRecordSchema, body, 'the name document');
}

/** The newest epoch that has changed what is known of the name: a leader of an older one may not. */
export function epochOf(record: NameDocument | RemovedName): number {
  if (record.role === 'none') return record.removedByEpoch;
  return Math.max(record.createdByEpoch, record.changedByEpoch ?? 0);
}

export function encodeNameDocument(document: NameDocument): Uint8Array {
  return encodeDocument(nameDocumentSchema, document);
}

/** Throws DocumentError. */
export function parseNameDocument(body: Uint8Array): NameDocument {
  return parseDocument(nameDocumentSchema, body, 'the name document');
}
