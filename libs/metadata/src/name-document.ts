import { z } from 'zod';
import { containerSchema } from './containers.ts';
import { encodeDocument, parseDocument } from './documents.ts';
import { isName } from './names.ts';
import { streamPolicySchema } from './policy.ts';

const nameDocumentSchema = z.strictObject({
  version: z.literal(1),
  /** The name this document is about, so that a document at the wrong path is noticed. */
  name: z.string().refine(isName, 'expected a name'),
  role: z.literal('stream'),
  /** UUID of the stream, in every one of its commits. A name that is dropped and taken again gets another. */
  streamId: z.uuid(),
  /** Container that holds the segments. */
  container: containerSchema,
  /** Milliseconds since 1970, by the clock of the leader that created it. */
  createdAt: z.int().nonnegative(),
  /** Epoch of that leader. */
  createdByEpoch: z.int().nonnegative(),
  policy: streamPolicySchema,
});

/** What is known of a name that has a role. Stored at `namePath(name)`. */
export type NameDocument = z.infer<typeof nameDocumentSchema>;

export function encodeNameDocument(document: NameDocument): Uint8Array {
  return encodeDocument(nameDocumentSchema, document);
}

/** Throws DocumentError. */
export function parseNameDocument(body: Uint8Array): NameDocument {
  return parseDocument(nameDocumentSchema, body, 'the name document');
}
