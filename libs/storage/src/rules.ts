import { StorageError } from './errors.ts';
import type { ByteRange, MessageReceipt, SendTimes } from './ports.ts';

/** A page blob is written in pages of this many bytes. Source: Azure, "Understanding page blobs". */
export const STORAGE_PAGE_BYTES = 512;
/** The most one Put Page takes. Source: Azure, "Put Page". */
export const MAX_WRITE_BYTES = 4 * 1024 * 1024;
/** The most a page blob can be sized to, 8 TiB. Source: Azure, "Scalability and performance targets for Blob storage". */
export const MAX_SEGMENT_BYTES = 8 * 1024 ** 4;
/** The most one document holds: our own limit, so that documents stay small. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;
/**
 * The most a queue's message holds, 48 KiB: Azure takes 64 KiB of text, and text it is, in base64.
 * Source: Azure, "Put Message".
 */
export const MAX_QUEUE_BODY_BYTES = 48 * 1024;
/** The most a body by itself holds. Our own limit: the most an HTTP request may carry. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** The most messages one receive or peek gives. Source: Azure, "Get Messages". */
const MAX_QUEUE_MESSAGES = 32;
/** The longest visibility timeout. Source: Azure, "Get Messages". */
const MAX_VISIBILITY_MS = 7 * 24 * 3_600_000;
/** The longest time to live we send: what seconds in 31 bits can say. Source: Azure, "Put Message". */
const MAX_TIME_TO_LIVE_MS = (2 ** 31 - 1) * 1000;
/** The most paths one listing call answers. */
const MAX_LIST_PAGE = 1000;
/** Bounds of a lease in seconds. Source: Azure, "Lease Blob". */
const LEASE_SECONDS = { min: 15, max: 60 } as const;

// The rules below are checked by every adapter before it calls its backend, because backends differ in what they let
// pass: Azurite, for one, accepts an unaligned or oversized Put Page that Azure refuses.

function refuse(message: string): never {
  throw new StorageError('invalid_request', message);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Refuses what is not a number an epoch can be: a safe integer, not negative. */
export function checkEpoch(epoch: number): void {
  if (!isCount(epoch)) refuse(`an epoch is a safe integer of 0 or more, not ${epoch}`);
}

/** Refuses a segment size that is not a positive multiple of the page size, or above what a page blob can be. */
export function checkSegmentSize(sizeBytes: number): void {
  if (
    !isCount(sizeBytes) ||
    sizeBytes === 0 ||
    sizeBytes % STORAGE_PAGE_BYTES !== 0 ||
    sizeBytes > MAX_SEGMENT_BYTES
  ) {
    refuse(`a segment's size is a multiple of 512 bytes up to 8 TiB, not ${sizeBytes}`);
  }
}

/** Refuses a write off page boundaries, an empty one, and one above `MAX_WRITE_BYTES`. */
export function checkWrite(offset: number, length: number): void {
  checkPages({ offset, length });
  if (length > MAX_WRITE_BYTES) refuse(`one write is at most ${MAX_WRITE_BYTES} bytes, not ${length}`);
}

/** Refuses a range that is not one or more whole pages. */
export function checkPages(range: ByteRange): void {
  checkRange(range);
  if (range.offset % STORAGE_PAGE_BYTES !== 0) refuse(`offset ${range.offset} is not on a page boundary`);
  if (range.length % STORAGE_PAGE_BYTES !== 0) refuse(`${range.length} bytes are not whole pages`);
}

/** Refuses an empty range and one that is not in safe integers. */
export function checkRange({ offset, length }: ByteRange): void {
  if (!isCount(offset) || !isCount(length) || length === 0 || !Number.isSafeInteger(offset + length)) {
    refuse(`a range begins at 0 or later and holds at least one byte, not ${length} at ${offset}`);
  }
}

/** Refuses what Azure would not take as a container's name. Source: Azure, "Naming and referencing containers". */
export function checkContainer(container: string): void {
  if (!isContainerName(container)) refuse(`${JSON.stringify(container)} can't name a container`);
}

function isContainerName(name: string): boolean {
  return /^[a-z0-9](?:-?[a-z0-9]){2,62}$/.test(name) && name.length <= 63;
}

/**
 * Refuses what can't safely be a blob's name everywhere: it is visible ASCII, at most 1024 characters, in segments
 * between slashes that are not empty and don't end in a dot (Azure's clients and proxies normalise those away).
 */
export function checkBlobName(name: string): void {
  const segmentsAreSafe = name.split('/').every((segment) => segment !== '' && !segment.endsWith('.'));
  if (name.length > 1024 || !/^[\x21-\x5b\x5d-\x7e]+$/.test(name) || !segmentsAreSafe) {
    refuse(`${JSON.stringify(name)} can't name a blob`);
  }
}

/** Refuses a label that could not travel in a header. */
export function checkLabel(label: string | undefined): void {
  if (label !== undefined && !/^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(label))
    refuse(`${JSON.stringify(label)} can't be a label`);
}

/** Refuses a document above `MAX_DOCUMENT_BYTES`. */
export function checkDocument(body: Uint8Array): void {
  if (body.length > MAX_DOCUMENT_BYTES)
    refuse(`a document is at most ${MAX_DOCUMENT_BYTES} bytes, not ${body.length}`);
}

/** Answers the page size to use, `MAX_LIST_PAGE` unless one is given; refuses one out of bounds. */
export function checkListLimit(limit: number = MAX_LIST_PAGE): number {
  if (!isCount(limit) || limit === 0 || limit > MAX_LIST_PAGE)
    refuse(`a listing page is 1 to ${MAX_LIST_PAGE} paths, not ${limit}`);
  return limit;
}

/** Refuses a lease time the service would not give. */
export function checkLeaseSeconds(seconds: number): void {
  if (!Number.isInteger(seconds) || seconds < LEASE_SECONDS.min || seconds > LEASE_SECONDS.max) {
    refuse(`a lease lasts ${LEASE_SECONDS.min} to ${LEASE_SECONDS.max} whole seconds, not ${seconds}`);
  }
}

/** Refuses a lease id that is not a UUID in its canonical form. */
export function checkLeaseId(leaseId: string): void {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(leaseId))
    refuse('a lease id is a lower-case UUID');
}

/** Refuses what Azure would not take as a queue's name: the rules are those of containers. Source: Azure, "Naming Queues and Metadata". */
export function checkQueue(queue: string): void {
  if (!isContainerName(queue)) refuse(`${JSON.stringify(queue)} can't name a queue`);
}

/** Refuses a message's body above `MAX_QUEUE_BODY_BYTES`. */
export function checkQueueBody(body: Uint8Array): void {
  if (body.length > MAX_QUEUE_BODY_BYTES)
    refuse(`a queue's message is at most ${MAX_QUEUE_BODY_BYTES} bytes, not ${body.length}`);
}

/** Refuses times a message can't have, and a delay that outlasts the message. */
export function checkSendTimes({ delayMs = 0, timeToLiveMs }: SendTimes): void {
  checkVisibility(delayMs, 0);
  if (timeToLiveMs === undefined) return;
  if (!(timeToLiveMs > 0 && timeToLiveMs <= MAX_TIME_TO_LIVE_MS))
    refuse(`a time to live is above 0 and at most ${MAX_TIME_TO_LIVE_MS} ms, not ${timeToLiveMs}`);
  if (wholeSeconds(delayMs) >= wholeSeconds(timeToLiveMs))
    refuse(`a message that lives ${timeToLiveMs} ms would be gone before its delay of ${delayMs} ms is over`);
}

/** Refuses a visibility timeout out of bounds. */
export function checkVisibility(visibilityTimeoutMs: number, atLeastMs: 0 | 1000): void {
  if (!(visibilityTimeoutMs >= atLeastMs && visibilityTimeoutMs <= MAX_VISIBILITY_MS))
    refuse(`a visibility timeout is ${atLeastMs} to ${MAX_VISIBILITY_MS} ms, not ${visibilityTimeoutMs}`);
}

/** The service counts in whole seconds: rounded up, so that nobody is promised a time he does not get. */
export function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** Refuses a number of messages one call can't give. */
export function checkMessageCount(max: number): void {
  if (!isCount(max) || max === 0 || max > MAX_QUEUE_MESSAGES)
    refuse(`one call gives 1 to ${MAX_QUEUE_MESSAGES} messages, not ${max}`);
}

/**
 * Refuses, as lost, a receipt no message can have. An empty message id above all: deleting "it" would be Azure's
 * request to clear the whole queue.
 */
export function checkReceipt({ messageId, popReceipt }: MessageReceipt): void {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(messageId) || !/^[\x21-\x7e]{1,512}$/.test(popReceipt))
    throw new StorageError('receipt_lost', 'this is not a receipt of any message');
}

/** Refuses a body above `MAX_BODY_BYTES`. */
export function checkBody(bytes: Uint8Array): void {
  if (bytes.length > MAX_BODY_BYTES) refuse(`a body is at most ${MAX_BODY_BYTES} bytes, not ${bytes.length}`);
}
