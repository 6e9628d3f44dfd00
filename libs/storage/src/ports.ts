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
  /** How long ago it last changed, by the storage's own clock alone, which may tell whole seconds only. A fence is a change. */
  readonly unchangedMs: number;
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
  /** What was put with this version. */
  readonly label: string | undefined;
  /** How long ago this version was put, by the storage's own clock alone, which may tell whole seconds only. */
  readonly unchangedMs: number;
}

/** `if-absent`: create only. An ETag: replace only that version. */
export type DocumentCondition = { readonly ifAbsent: true } | { readonly ifMatch: ETag };

export interface PutDocumentOptions extends CallOptions {
  /** What reads and listings bring along of this version of the document: up to 256 visible ASCII characters and spaces. */
  readonly label?: string | undefined;
}

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
    options?: PutDocumentOptions,
  ): Promise<{ etag: ETag }>;
  /** Removes that version. Succeeds when it is gone already. Errors: `etag_mismatch`, `outcome_unknown`. */
  delete(path: string, condition: { readonly ifMatch: ETag }, options?: CallOptions): Promise<void>;
  /**
   * Paths that begin with `prefix`, in lexical order, each with its document's label, `limit` a page (at most 1000);
   * `cursor` goes on where a page ended.
   */
  list(
    prefix: string,
    page?: { limit?: number; cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<{ paths: string[]; labels: (string | undefined)[]; cursor: string | undefined }>;
}

/** A message of a queue, held by whoever has this: the way to renew, give back or delete it. */
export interface MessageReceipt {
  readonly messageId: string;
  /** Replaced by every receive and every update; the ones before are worth nothing from then on. */
  readonly popReceipt: string;
}

/** A message as it lies in a queue. */
export interface PeekedMessage {
  readonly messageId: string;
  readonly body: Uint8Array;
  /** How many times it has been received so far; for a received message that receive included. */
  readonly dequeueCount: number;
  /** Milliseconds since 1970 by the storage's clock, which may tell whole seconds only. */
  readonly insertedAt: number;
  /** Likewise; undefined for a message that stays until it is deleted. */
  readonly expiresAt: number | undefined;
}

export interface ReceivedMessage extends PeekedMessage, MessageReceipt {}

/** Milliseconds, of which every backend makes whole seconds, rounded up; and so of visibility timeouts. */
export interface SendTimes {
  /** How long nobody is to see it. Default: not at all. Must be less than `timeToLiveMs`, and at most 7 days. */
  readonly delayMs?: number | undefined;
  /** After this it is gone, received or not. Default: never. */
  readonly timeToLiveMs?: number | undefined;
}

/**
 * Queues with visibility timeouts, as Azure Storage queues are: a received message is invisible for a while, not gone,
 * and comes back unless it is deleted in time. Order is roughly that of sending, and not to be relied on.
 *
 * A receipt outlives its visibility timeout: it is good until the message is received again, updated, deleted or
 * expired. Who keeps a deadline must keep it himself.
 *
 * Everything that changes a queue is sent once: without a trustworthy answer it fails with `outcome_unknown`.
 */
export interface QueueStore {
  /**
   * Makes the queue if it is not there. Idempotent. Errors: `unavailable`, also while one of that name is still being
   * deleted, which takes Azure half a minute: a name is not to be used twice.
   */
  createQueue(queue: string, options?: CallOptions): Promise<void>;
  /** Removes the queue and all it holds. Idempotent. */
  deleteQueue(queue: string, options?: CallOptions): Promise<void>;
  /**
   * Puts `body` (at most `MAX_QUEUE_BODY_BYTES`) into the queue. The receipt answered is good like any other, so the
   * sender can take the message back. Errors: `not_found` (the queue), `throttled`, `outcome_unknown` (it may be
   * there; sent again, it may be there twice), `invalid_request`.
   */
  send(queue: string, body: Uint8Array, times?: SendTimes, options?: CallOptions): Promise<MessageReceipt>;
  /**
   * Takes up to `max` (1 to 32) visible messages and makes them invisible for `visibilityTimeoutMs` (1 second to 7
   * days). None there: an empty list, at once. Errors: `not_found`, `throttled`, `outcome_unknown` (some may be
   * invisible until the timeout, and their dequeue count is one higher).
   */
  receive(
    queue: string,
    how: { readonly max: number; readonly visibilityTimeoutMs: number },
    options?: CallOptions,
  ): Promise<ReceivedMessage[]>;
  /**
   * Makes a message invisible for `visibilityTimeoutMs` (0 to 7 days) from now: renews it, or gives it back with 0.
   * With `body` it is replaced as well. Errors: `receipt_lost`, `not_found` (the queue), `throttled`, `outcome_unknown`
   * (the receipt may have been replaced by one that never came).
   */
  update(
    queue: string,
    receipt: MessageReceipt,
    change: { readonly visibilityTimeoutMs: number; readonly body?: Uint8Array | undefined },
    options?: CallOptions,
  ): Promise<{ popReceipt: string }>;
  /** Errors: `receipt_lost`, `not_found` (the queue), `throttled`, `outcome_unknown`. */
  delete(queue: string, receipt: MessageReceipt, options?: CallOptions): Promise<void>;
  /** Up to `max` (1 to 32) visible messages, left as they are. Errors: `not_found`, `unavailable`. */
  peek(queue: string, max: number, options?: CallOptions): Promise<PeekedMessage[]>;
  /**
   * About how many messages there are, invisible ones included; rather too many than too few. Errors: `not_found`,
   * `unavailable`.
   */
  properties(queue: string, options?: CallOptions): Promise<{ approximateCount: number }>;
}

export interface ListedBody {
  readonly id: string;
  /** Milliseconds since 1970 by the storage's clock. */
  readonly createdAt: number;
  readonly byteLength: number;
}

/**
 * Bodies too large for what refers to them (claim checks): block blobs in containers made by
 * `PageStore.createContainer`, which hold nothing else. An id names the same bytes for ever, so every call may be
 * repeated; a put that arrives late may bring back what was deleted meanwhile, for a clean-up of orphans to find.
 */
export interface BodyStore {
  /** Stores at most `MAX_BODY_BYTES`. `id` is what a document's path is. Errors: `not_found` (the container), `unavailable`. */
  put(container: string, id: string, bytes: Uint8Array, options?: CallOptions): Promise<void>;
  /** Undefined when there is none, or no such container. Errors: `unavailable`. */
  get(container: string, id: string, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** Idempotent. */
  delete(container: string, id: string, options?: CallOptions): Promise<void>;
  /** In lexical order of ids, `limit` a page (at most 1000). Errors: `not_found` (the container), `unavailable`. */
  list(
    container: string,
    page?: { limit?: number; cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<{ bodies: ListedBody[]; cursor: string | undefined }>;
}

/** One backend, all its ports. */
export interface Storage {
  readonly pages: PageStore;
  readonly leases: LeaseStore;
  readonly documents: DocumentStore;
  readonly queues: QueueStore;
  readonly bodies: BodyStore;
  /** Undefined where the backend can't hand out access. */
  readonly grants: GrantStore | undefined;
  close(): Promise<void>;
}
