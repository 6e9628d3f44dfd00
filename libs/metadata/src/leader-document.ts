import { z } from 'zod';
import { encodeDocument, parseDocument } from './documents.ts';

/** Path of the leader document. */
export const LEADER_PATH = 'leader';
/** Path of the lease blob that whoever wants to lead has to hold. */
export const LEADER_LEASE = 'leader-lease';

const leaderDocumentSchema = z.strictObject({
  version: z.literal(1),
  /** Given out by compare-and-swap on this document, one more each time. Never goes back. */
  epoch: z.int().positive(),
  nodeId: z.string().min(1).max(128),
  /** Base URL of the node, without a slash at its end. */
  url: z.url({ protocol: /^https?$/ }).max(1024),
  /** Milliseconds since 1970, by the clock of that node. */
  since: z.int().nonnegative(),
});

/** Who leads, and since when. */
export type LeaderDocument = z.infer<typeof leaderDocumentSchema>;

export function encodeLeaderDocument(document: LeaderDocument): Uint8Array {
  return encodeDocument(leaderDocumentSchema, document);
}

/** Throws DocumentError. */
export function parseLeaderDocument(body: Uint8Array): LeaderDocument {
  return parseDocument(leaderDocumentSchema, body, 'the leader document');
}
