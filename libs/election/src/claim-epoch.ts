import {
  encodeLeaderDocument,
  LEADER_LEASE,
  LEADER_PATH,
  type LeaderDocument,
} from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { type DocumentCondition, type ETag, isStorageError } from '@message-vault/storage';
import type { AlarmCode } from './alarms.ts';
import { CLAIM_PATH, type ClaimDocument, encodeClaim } from './claim-document.ts';
import { isSameTerm, type LeaderRecords, type Records } from './leader-records.ts';
import { isSilence, type StorageCalls } from './storage-calls.ts';

export type Claim =
  | { readonly kind: 'claimed'; readonly leader: LeaderDocument }
  /** Another node has a newer epoch. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused'; readonly code: AlarmCode; readonly message: string }
  /** The storage did not answer, or the lease ran out over it. Nothing was led. */
  | { readonly kind: 'failed'; readonly error: unknown };

export interface ClaimRequest {
  readonly calls: StorageCalls;
  readonly records: LeaderRecords;
  readonly runtime: Runtime;
  readonly nodeId: string;
  readonly url: string;
  /** The newest epoch known when the lease was taken. */
  readonly knownEpoch: number;
  /** UUID of this attempt; the lease id. */
  readonly claimId: string;
  /** Whether the lease is still ours. */
  readonly isHeld: () => boolean;
}

/** Every try ends in an answer or a time-out, so this bounds the whole. */
const TRIES = 6;

type Step = Claim | 'again';

/**
 * Takes the next epoch, by compare-and-swap on the leader document and then on the claim beside it. To be called with the
 * lease held, which keeps others from trying; that no epoch is given out twice is the compare-and-swap's doing alone.
 *
 * An answer that was lost is looked up: the document is ours if it holds what we wrote, which a second process of the
 * same node id could have written too within the same millisecond. Hence the claim, with an id nobody else has.
 */
export async function claimEpoch(request: ClaimRequest): Promise<Claim> {
  const attempt = new Attempt(request);
  let error: unknown = new Error('the records of the leader kept changing');
  for (let tries = 0; tries < TRIES; tries++) {
    if (!request.isHeld()) return { kind: 'failed', error: new Error('the lease ran out meanwhile') };
    try {
      const step = await attempt.step();
      if (step !== 'again') return request.isHeld() || step.kind !== 'claimed' ? step : leaseRanOut();
    } catch (caught) {
      if (!isSilence(caught)) return { kind: 'failed', error: caught };
      error = caught;
    }
  }
  return { kind: 'failed', error };
}

function leaseRanOut(): Claim {
  return { kind: 'failed', error: new Error('the lease ran out before the epoch was claimed') };
}

/** One node's way to one epoch: each step looks at the records and does the next thing that is missing. */
class Attempt {
  readonly #request: ClaimRequest;
  /** What was last put as the leader document; it has landed if it is found there. */
  #candidate: LeaderDocument | undefined;
  #knownEpoch: number;

  constructor(request: ClaimRequest) {
    this.#request = request;
    this.#knownEpoch = request.knownEpoch;
  }

  async step(): Promise<Step> {
    const records = await this.#request.records.read();
    if (records.kind === 'refuse') return { ...records, kind: 'refused' };
    const found = records.kind === 'led' ? records.leader : undefined;
    const claim = records.kind === 'led' ? records.claim : undefined;
    if (found !== undefined) {
      if (this.#isOurs(found.document)) return this.#putClaim(found.document, claim?.etag, claim?.document);
      if (await this.#wasOvertaken(found.document)) return { kind: 'lost' };
    }
    const leader = this.#next(records);
    this.#request.records.intend(leader);
    const landed = await this.#put(LEADER_PATH, encodeLeaderDocument(leader), found?.etag);
    if (!landed) return 'again';
    this.#request.records.remember(leader);
    return this.#putClaim(leader, claim?.etag, claim?.document);
  }

  #next(records: Records): LeaderDocument {
    const { nodeId, url, runtime } = this.#request;
    const epoch = (records.kind === 'led' ? records.leader.document.epoch : 0) + 1;
    // The same bytes as before, if the same epoch is tried again: a first try on its way must not differ.
    if (this.#candidate?.epoch !== epoch) {
      this.#candidate = { version: 1, epoch, nodeId, url, since: runtime.now() };
    }
    return this.#candidate;
  }

  #isOurs(found: LeaderDocument): boolean {
    return this.#candidate !== undefined && isSameTerm(found, this.#candidate);
  }

  /**
   * Somebody has led since the lease was taken: one of before, whose write was on its way, or one that has taken the lease
   * from us meanwhile. The lease knows which. Rejects with StorageError when it does not answer.
   */
  async #wasOvertaken(found: LeaderDocument): Promise<boolean> {
    if (found.epoch <= this.#knownEpoch) return false;
    const { calls, claimId } = this.#request;
    try {
      await calls.renew(LEADER_LEASE, claimId);
      this.#knownEpoch = found.epoch;
      return false;
    } catch (error) {
      if (isSilence(error)) throw error;
      return true;
    }
  }

  async #putClaim(
    leader: LeaderDocument,
    etag: ETag | undefined,
    current: ClaimDocument | undefined,
  ): Promise<Step> {
    const { nodeId, claimId } = this.#request;
    const { epoch } = leader;
    if (current !== undefined && current.epoch >= epoch) {
      const ours = current.epoch === epoch && current.claimId === claimId;
      return ours ? { kind: 'claimed', leader } : { kind: 'lost' };
    }
    const landed = await this.#put(CLAIM_PATH, encodeClaim({ version: 1, epoch, nodeId, claimId }), etag);
    return landed ? { kind: 'claimed', leader } : 'again';
  }

  /** False when somebody wrote in between, or our own lost try did: the next step finds out which. */
  async #put(path: string, body: Uint8Array, etag: ETag | undefined): Promise<boolean> {
    const condition: DocumentCondition = etag === undefined ? { ifAbsent: true } : { ifMatch: etag };
    try {
      await this.#request.calls.put(path, body, condition);
      return true;
    } catch (error) {
      if (isStorageError(error, 'already_exists', 'etag_mismatch', 'not_found')) return false;
      throw error;
    }
  }
}
