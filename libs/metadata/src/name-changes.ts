import { z } from 'zod';
import { encodeDocument, parseDocument } from './documents.ts';
import { isName } from './names.ts';

/** Path of the document that tells which names have changed. */
export const NAME_CHANGES_PATH = 'name-changes';
/** Changes remembered; who missed more has to look everything up anew. */
export const MAX_NAME_CHANGES = 256;

const nameChangesSchema = z.strictObject({
  version: z.literal(1),
  /** Of the leader that wrote it last. A leader of an older one may not change names any more. */
  epoch: z.int().nonnegative(),
  /** How many changes there have ever been: the number of the newest. */
  sequence: z.int().nonnegative(),
  /** Names of the newest changes, the newest last. A change is announced here before it is made. */
  recent: z.array(z.string().refine(isName, 'expected a name')).max(MAX_NAME_CHANGES),
});

export type NameChanges = z.infer<typeof nameChangesSchema>;

export function encodeNameChanges(changes: NameChanges): Uint8Array {
  return encodeDocument(nameChangesSchema, changes);
}

/** Throws DocumentError. */
export function parseNameChanges(body: Uint8Array): NameChanges {
  return parseDocument(nameChangesSchema, body, 'the document of changed names');
}
