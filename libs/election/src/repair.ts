import {
  DocumentError,
  encodeLeaderDocument,
  LEADER_PATH,
  type LeaderDocument,
  parseLeaderDocument,
} from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import type { DocumentStore } from '@message-vault/storage';
import { CLAIM_PATH, parseClaim } from './claim-document.ts';

export interface RepairOptions {
  readonly documents: DocumentStore;
  readonly runtime: Runtime;
  /** Who vouches for it; shown as the leader until a node leads. */
  readonly person: string;
  /** The highest epoch anybody remembers, from logs, metrics or the alarm itself; 0 when nobody does. */
  readonly highestKnownEpoch: number;
}

/** Left free above what is known, for leaders nobody remembers. An epoch costs nothing. */
const MARGIN = 1000;
/** Leads nowhere, so that whoever stands by takes over at once. */
const NOBODY_URL = 'http://nobody.invalid';

/**
 * A person's word that the storage may be used as it is: writes a leader document whose epoch is above every one that is
 * known. Nodes that refused to lead because it was missing or had gone backwards see it, and lead again.
 *
 * Whatever else was lost with it stays lost: look at the streams first. Errors: StorageError; `etag_mismatch` or
 * `already_exists` when the cluster has gone on meanwhile, and there is nothing to repair.
 */
export async function repairLeaderRecords(options: RepairOptions): Promise<LeaderDocument> {
  const { documents, runtime, person, highestKnownEpoch } = options;
  const stored = await documents.get(LEADER_PATH);
  const claim = await documents.get(CLAIM_PATH);
  const known = [
    highestKnownEpoch,
    stored === undefined ? 0 : epochOf(stored.body),
    claim === undefined ? 0 : (parseClaim(claim.body)?.epoch ?? 0),
  ];
  const epoch = Math.max(...known) + MARGIN;
  const leader: LeaderDocument = { version: 1, epoch, nodeId: person, url: NOBODY_URL, since: runtime.now() };
  const condition = stored === undefined ? { ifAbsent: true as const } : { ifMatch: stored.etag };
  await documents.put(LEADER_PATH, encodeLeaderDocument(leader), condition);
  // A claim that can't be read would stop everybody again. Only now: without both, it would look like a first start.
  if (claim !== undefined && parseClaim(claim.body) === undefined) {
    await documents.delete(CLAIM_PATH, { ifMatch: claim.etag });
  }
  return leader;
}

function epochOf(body: Uint8Array): number {
  try {
    return parseLeaderDocument(body).epoch;
  } catch (error) {
    if (error instanceof DocumentError) return 0;
    throw error;
  }
}
