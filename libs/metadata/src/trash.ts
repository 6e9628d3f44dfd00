import { z } from 'zod';
import { containerSchema } from './containers.ts';
import { encodeDocument, parseDocument } from './documents.ts';
import { isName } from './names.ts';

const ROOT = 'trash/';
/** Things that belong to one assignment of a role. */
const MAX_THINGS = 8;

const trashDocumentSchema = z.strictObject({
  version: z.literal(1),
  /** UUID of the assignment: also the path. */
  id: z.uuid(),
  name: z.string().refine(isName, 'expected a name'),
  /** One of the name's containers or queues: whether the name's document still has it tells if the name has the rest. */
  belongsWith: containerSchema,
  containers: z.array(containerSchema).max(MAX_THINGS),
  queues: z.array(containerSchema).max(MAX_THINGS),
  /** Documents of the parts of a router, by their paths. */
  documents: z.array(z.string().max(1024)).max(MAX_THINGS),
  /** Milliseconds since 1970. */
  at: z.int().nonnegative(),
});

/**
 * What belongs to a name that is about to get its role, or to lose it. Written before and removed after, so that
 * whoever leads next finds what a leader that died in the middle has left behind.
 */
export type TrashDocument = z.infer<typeof trashDocumentSchema>;

export const TRASH_PREFIX = ROOT;

export function trashPath(id: string): string {
  return ROOT + id;
}

export function encodeTrashDocument(document: TrashDocument): Uint8Array {
  return encodeDocument(trashDocumentSchema, document);
}

/** Throws DocumentError. */
export function parseTrashDocument(body: Uint8Array): TrashDocument {
  return parseDocument(trashDocumentSchema, body, 'the trash document');
}
