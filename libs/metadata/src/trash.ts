import { z } from 'zod';
import { containerSchema } from './containers.ts';
import { encodeDocument, parseDocument } from './documents.ts';
import { isName } from './names.ts';

const ROOT = 'trash/';
/** Things that belong to one assignment of a role. */
const MAX_THINGS = 8;

const trashDocumentSchema = z.strictObject({
  version: z.literal(1),
  /** Also the path. */
  id: z.uuid(),
  name: z.string().refine(isName, 'expected a name'),
  /** `making`: the name is about to get its role. `removing`: it is about to lose it. */
  state: z.enum(['making', 'removing']),
  /** Identity of the assignment: as long as the name's document has it too, the things are in use. */
  identity: z.uuid().optional(),
  containers: z.array(containerSchema).max(MAX_THINGS),
  queues: z.array(containerSchema).max(MAX_THINGS),
  /** Paths of documents. */
  documents: z.array(z.string().max(1024)).max(MAX_THINGS),
  /** They have been removed, and told of; the note stays for what may still be on its way. */
  emptied: z.literal(true).optional(),
  /** Milliseconds since 1970. */
  at: z.int().nonnegative(),
});

/**
 * What belongs to a name that is about to get its role or to lose it. Written before and removed after, so that
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
