/** Opaque version of a blob; changes with every write to it and with every change of its sequence number. */
export type ETag = string;

/** Where a segment lives: its container and blob name. */
export interface SegmentRef {
  readonly container: string;
  readonly segment: string;
}

/**
 * What every write to a segment must carry; there is no way to write without both.
 *
 * `epoch` keeps other leaders out: the storage compares it with the segment's sequence number.
 * `etag` keeps the writer safe from itself: a delayed duplicate of its own earlier write can't land any more.
 */
export interface WriteConditions {
  readonly epoch: number;
  readonly etag: ETag;
}

export interface ByteRange {
  /** First byte, from the start of the blob. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

export interface SegmentProperties {
  readonly etag: ETag;
  /** Size of the sparse blob in bytes, not what is written in it. */
  readonly sizeBytes: number;
  /** The epoch of the newest leader that fenced the segment. */
  readonly epoch: number;
}

export interface CallOptions {
  /** Aborting a write leaves its outcome unknown. */
  readonly signal?: AbortSignal | undefined;
}

export type RangeRead =
  | { readonly status: 'read'; readonly bytes: Uint8Array; readonly etag: ETag }
  /** Only when `ifNoneMatch` was given: the segment is still at that version. */
  | { readonly status: 'not_modified' };

/**
 * Page blobs: sparse, written in 512-byte pages, one Put Page at most 4 MiB and atomic per page.
 *
 * Reads are retried inside the adapter a bounded number of times and fail with `unavailable`.
 * Writes are sent exactly once: without a trustworthy answer they fail with `outcome_unknown`, and what to do is the
 * caller's to decide.
 */
export interface PageStore {
  /** Makes the container if it is not there. Idempotent. */
  createContainer(container: string, options?: CallOptions): Promise<void>;
  /** Removes the container and all it holds. Idempotent. */
  deleteContainer(container: string, options?: CallOptions): Promise<void>;
  /**
   * Creates an empty sparse segment of `sizeBytes` (a multiple of 512) with sequence number `epoch`, only if none is
   * there. Errors: `already_exists`, `not_found` (the container), `outcome_unknown`.
   */
  createSegment(
    ref: SegmentRef,
    init: { sizeBytes: number; epoch: number },
    options?: CallOptions,
  ): Promise<{ etag: ETag }>;
  /**
   * Raises the segment's sequence number to `epoch` if it is lower, and answers the number in force afterwards: above
   * `epoch` when a newer leader was here first. Idempotent. The ETag changes whether the number was raised or not: what
   * is still on its way to the segment is refused, and a newer leader may find its own ETag taken by an older one that
   * fenced in vain. Errors: `not_found`, `unavailable`.
   */
  fence(ref: SegmentRef, epoch: number, options?: CallOptions): Promise<{ etag: ETag; epoch: number }>;
  /**
   * Writes `bytes` (whole pages, at most 4 MiB) at byte `offset` (page aligned) if both conditions hold.
   * When neither holds, either code may come: which one is looked at first is the backend's affair.
   * Errors: `epoch_fenced`, `etag_mismatch`, `not_found`, `throttled`, `outcome_unknown`, `invalid_request`.
   */
  writePages(
    ref: SegmentRef,
    offset: number,
    bytes: Uint8Array,
    conditions: WriteConditions,
    options?: CallOptions,
  ): Promise<{ etag: ETag }>;
  /** Turns the pages of `range` back to unwritten zeros if both conditions hold. Errors as `writePages`. */
  clearPages(
    ref: SegmentRef,
    range: ByteRange,
    conditions: WriteConditions,
    options?: CallOptions,
  ): Promise<{ etag: ETag }>;
  /**
   * Reads up to `range.length` bytes; fewer when the blob ends before. Unwritten pages read as zeros. A range that
   * begins at or past the blob's end answers zero bytes. Errors: `not_found`, `unavailable`.
   */
  readRange(
    ref: SegmentRef,
    range: ByteRange,
    options?: CallOptions & { ifNoneMatch?: ETag | undefined },
  ): Promise<RangeRead>;
  /** The written parts of `range`, in order, adjoining ones merged. Errors: `not_found`, `unavailable`. */
  writtenRanges(ref: SegmentRef, range: ByteRange, options?: CallOptions): Promise<ByteRange[]>;
  /** Errors: `not_found`, `unavailable`. */
  segmentProperties(ref: SegmentRef, options?: CallOptions): Promise<SegmentProperties>;
  /** Names of all segments of a container in lexical order. Errors: `not_found` (the container), `unavailable`. */
  listSegments(container: string, options?: CallOptions): Promise<string[]>;
  /** Idempotent. */
  deleteSegment(ref: SegmentRef, options?: CallOptions): Promise<void>;
}

/** Read access to one container that can be handed to somebody else. */
export interface ReadGrant {
  /** Container URL with its SAS query: a secret. */
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What a store that can hand out read access (a read-only, list-and-read SAS on one container) offers besides. */
export interface GrantStore {
  grantRead(container: string, validForMs: number): Promise<ReadGrant>;
}

/**
 * Leases on blobs, for liveness only: nothing is safe because of one.
 * A lease id is a UUID chosen by the holder. Lease blobs are made by `ensure`.
 */
export interface LeaseStore {
  /** Makes the lease blob if it is not there. Idempotent. */
  ensure(lease: string, options?: CallOptions): Promise<void>;
  /** Takes the lease for `durationSeconds` (15 to 60). Errors: `lease_conflict` (held), `not_found`, `outcome_unknown`. */
  acquire(lease: string, leaseId: string, durationSeconds: number, options?: CallOptions): Promise<void>;
  /** Errors: `lease_conflict` (broken, expired and taken, or another id came back), `not_found`, `outcome_unknown`. */
  renew(lease: string, leaseId: string, options?: CallOptions): Promise<void>;
  /** Ends whatever lease is in force, at once. Succeeds when there is none. Errors: `not_found`, `outcome_unknown`. */
  break(lease: string, options?: CallOptions): Promise<void>;
  /** Lets go. Succeeds when it was lost already. */
  release(lease: string, leaseId: string, options?: CallOptions): Promise<void>;
  /** Whether anyone holds it now. Errors: `not_found`, `unavailable`. */
  isHeld(lease: string, options?: CallOptions): Promise<boolean>;
}

export interface StoredDocument {
  readonly body: Uint8Array;
  readonly etag: ETag;
}

/** `if-absent`: create only. An ETag: replace only that version. */
export type DocumentCondition = { readonly ifAbsent: true } | { readonly ifMatch: ETag };

/**
 * Small documents (names, policies, the leader), compare-and-swap by ETag.
 * A path is visible ASCII without backslashes, at most 1024 characters, in parts between slashes that are not empty and
 * don't end in a dot.
 */
export interface DocumentStore {
  /** Undefined when there is none. Errors: `unavailable`. */
  get(path: string, options?: CallOptions): Promise<StoredDocument | undefined>;
  /** Errors: `already_exists`, `etag_mismatch`, `not_found` (replacing one that is gone), `outcome_unknown`. At most 1 MiB. */
  put(
    path: string,
    body: Uint8Array,
    condition: DocumentCondition,
    options?: CallOptions,
  ): Promise<{ etag: ETag }>;
  /** Removes that version. Succeeds when it is gone already. Errors: `etag_mismatch`, `outcome_unknown`. */
  delete(path: string, condition: { readonly ifMatch: ETag }, options?: CallOptions): Promise<void>;
  /** Paths that begin with `prefix`, in lexical order, `limit` a page (at most 1000); `cursor` goes on where a page ended. */
  list(
    prefix: string,
    page?: { limit?: number; cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<{ paths: string[]; cursor: string | undefined }>;
}

/** One backend, all its ports. */
export interface Storage {
  readonly pages: PageStore;
  readonly leases: LeaseStore;
  readonly documents: DocumentStore;
  /** Undefined where the backend can't hand out access. */
  readonly grants: GrantStore | undefined;
  close(): Promise<void>;
}
