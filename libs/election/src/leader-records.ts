import {
  DocumentError,
  LEADER_PATH,
  type LeaderDocument,
  parseLeaderDocument,
} from '@message-vault/metadata';
import type { ETag, StoredDocument } from '@message-vault/storage';
import type { AlarmCode } from './alarms.ts';
import { CLAIM_PATH, type ClaimDocument, parseClaim } from './claim-document.ts';
import type { StorageCalls } from './storage-calls.ts';

export interface Versioned<Document> {
  readonly document: Document;
  readonly etag: ETag;
}

/** What the storage says about who leads. */
export type Records =
  /** Nobody has ever led. */
  | { readonly kind: 'first_start' }
  | {
      readonly kind: 'led';
      readonly leader: Versioned<LeaderDocument>;
      /** Undefined when not read, or when the very first leader died between its two documents. */
      readonly claim: Versioned<ClaimDocument> | undefined;
    }
  /** To lead on these would be wrong. */
  | { readonly kind: 'refuse'; readonly code: AlarmCode; readonly message: string };

/** Only the newest can still be in force. */
const MAX_INTENDED = 16;

/** Reads the records and compares them with each other and with what this process has seen before. */
export class LeaderRecords {
  readonly #calls: StorageCalls;
  /** The leader document with the highest epoch this process has read or written. */
  #highest: LeaderDocument | undefined;
  readonly #intended: LeaderDocument[] = [];
  /** The highest epoch a stream was found to be written under. */
  #fencedAt = 0;

  constructor(calls: StorageCalls) {
    this.#calls = calls;
  }

  /** Takes note of a document this process is about to write, whether or not it will ever hear that it landed. */
  intend(leader: LeaderDocument): void {
    this.#intended.push(leader);
    if (this.#intended.length > MAX_INTENDED) this.#intended.shift();
  }

  /** Whether this very process wrote `leader`; false for one that was written by an earlier life of this node. */
  isOfThisLife(leader: LeaderDocument): boolean {
    return this.#intended.some((intended) => isSameTerm(intended, leader));
  }

  /** Takes note of a document that is known to be there. */
  remember(leader: LeaderDocument): void {
    if (this.#highest === undefined || leader.epoch > this.#highest.epoch) this.#highest = leader;
  }

  /**
   * Takes note of an epoch that a stream has been written under. Its leader wrote the leader document before that, so from now
   * on a document with a lower epoch is one from before.
   */
  noteFence(epoch: number): void {
    this.#fencedAt = Math.max(this.#fencedAt, epoch);
  }

  /** As `read`, with one call where that is enough: once this process has seen a leader document. */
  async glance(): Promise<Records> {
    if (this.#highest === undefined) return this.read();
    return this.#judge(await this.#calls.get(LEADER_PATH), undefined);
  }

  /**
   * Both documents, the claim first: written in the other order, so that a claim never looks newer than the leader
   * document because of a change in between. Rejects with StorageError.
   */
  async read(): Promise<Records> {
    const claim = await this.#calls.get(CLAIM_PATH);
    return this.#judge(await this.#calls.get(LEADER_PATH), claim);
  }

  #judge(storedLeader: StoredDocument | undefined, storedClaim: StoredDocument | undefined): Records {
    const claim = storedClaim && { document: parseClaim(storedClaim.body), etag: storedClaim.etag };
    if (claim !== undefined && claim.document === undefined) {
      return refuse('leader_document_unreadable', `the document ${CLAIM_PATH} can't be read`);
    }
    if (storedLeader === undefined) return this.#judgeMissing(claim?.document);
    const leader = readLeader(storedLeader);
    if ('kind' in leader) return leader;
    const contradiction = this.#contradiction(leader.document, claim?.document);
    if (contradiction !== undefined) return contradiction;
    this.remember(leader.document);
    return { kind: 'led', leader, claim: isRead(claim) ? claim : undefined };
  }

  #judgeMissing(claim: ClaimDocument | undefined): Records {
    const epoch = Math.max(this.#highest?.epoch ?? 0, claim?.epoch ?? 0);
    if (epoch === 0) return { kind: 'first_start' };
    return refuse(
      'leader_document_missing',
      `the leader document is gone, though epoch ${epoch} has been led: it was deleted, or the storage was rolled back`,
    );
  }

  #contradiction(leader: LeaderDocument, claim: ClaimDocument | undefined): Records | undefined {
    const seen = this.#highest;
    if (seen !== undefined && leader.epoch < seen.epoch) {
      return refuse(
        'storage_rolled_back',
        `the leader document is at epoch ${leader.epoch}, this node has seen ${seen.epoch}`,
      );
    }
    if (seen !== undefined && leader.epoch === seen.epoch && !isSameTerm(leader, seen)) {
      return refuse(
        'storage_rolled_back',
        `epoch ${leader.epoch} is ${leader.nodeId}'s in the leader document, this node has seen it led by ${seen.nodeId}`,
      );
    }
    if (leader.epoch < this.#fencedAt) {
      return refuse(
        'storage_rolled_back',
        `the leader document is at epoch ${leader.epoch}, a stream has been written under ${this.#fencedAt}`,
      );
    }
    if (claim !== undefined && leader.epoch < claim.epoch) {
      return refuse(
        'storage_rolled_back',
        `the leader document is at epoch ${leader.epoch}, the claim beside it at ${claim.epoch}`,
      );
    }
    return undefined;
  }
}

function readLeader(stored: StoredDocument): Versioned<LeaderDocument> | (Records & { kind: 'refuse' }) {
  try {
    return { document: parseLeaderDocument(stored.body), etag: stored.etag };
  } catch (error) {
    if (error instanceof DocumentError) return refuse('leader_document_unreadable', error.message);
    throw error;
  }
}

function isRead(
  claim: { document: ClaimDocument | undefined; etag: ETag } | undefined,
): claim is Versioned<ClaimDocument> {
  return claim?.document !== undefined;
}

/** Whether two leader documents are about one term of one process. */
export function isSameTerm(a: LeaderDocument, b: LeaderDocument): boolean {
  return a.epoch === b.epoch && a.nodeId === b.nodeId && a.url === b.url && a.since === b.since;
}

function refuse(code: AlarmCode, message: string): Records & { kind: 'refuse' } {
  return { kind: 'refuse', code, message };
}
