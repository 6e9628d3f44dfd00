import type { Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import type { ByteRange, PageStore, SegmentRef, WriteConditions } from '../ports.ts';
import { checkBlobName, checkEpoch, checkPages, checkRange, checkSegmentSize, checkWrite } from '../rules.ts';
import { answerRepeatable, answerWrite } from './answers.ts';
import type { MemoryContainers, PageBlob } from './containers.ts';
import { Extents } from './extents.ts';

/** Page blobs in this process's memory, with the conditions of Azure's. `nextEtag` gives versions never given before. */
export function memoryPages(
  containers: MemoryContainers,
  nextEtag: () => string,
  runtime: Runtime,
): PageStore {
  function blobOf({ container, segment }: SegmentRef): PageBlob {
    checkBlobName(segment);
    const blob = containers.get(container).segments.get(segment);
    if (blob === undefined)
      throw new StorageError('not_found', `there is no segment ${container}/${segment}`);
    return blob;
  }

  /** The blob of a write whose conditions hold and whose pages lie within it. */
  function blobToWrite(ref: SegmentRef, range: ByteRange, conditions: WriteConditions): PageBlob {
    checkEpoch(conditions.epoch);
    const blob = blobOf(ref);
    if (blob.epoch !== conditions.epoch) {
      throw new StorageError(
        'epoch_fenced',
        `the segment is fenced for epoch ${blob.epoch}, the write carries ${conditions.epoch}`,
      );
    }
    if (blob.etag !== conditions.etag) {
      throw new StorageError(
        'etag_mismatch',
        `the segment is at ${blob.etag}, the write expects ${conditions.etag}`,
      );
    }
    if (range.offset + range.length > blob.sizeBytes) {
      throw new StorageError(
        'invalid_request',
        `the segment ends at ${blob.sizeBytes}, before the end of the write`,
      );
    }
    return blob;
  }

  function changed(blob: PageBlob): { etag: string } {
    blob.etag = nextEtag();
    blob.changedAt = runtime.monotonic();
    return { etag: blob.etag };
  }

  return {
    createContainer: (container, options) => answerRepeatable(options, () => containers.create(container)),
    deleteContainer: (container, options) => answerRepeatable(options, () => containers.delete(container)),
    createSegment: (ref, { sizeBytes, epoch }, options) =>
      answerWrite(options, () => {
        checkSegmentSize(sizeBytes);
        checkEpoch(epoch);
        checkBlobName(ref.segment);
        const blobs = containers.get(ref.container).segments;
        if (blobs.has(ref.segment)) {
          throw new StorageError('already_exists', `segment ${ref.container}/${ref.segment} is there`);
        }
        const changedAt = runtime.monotonic();
        const blob: PageBlob = { sizeBytes, epoch, etag: nextEtag(), changedAt, extents: new Extents() };
        blobs.set(ref.segment, blob);
        return { etag: blob.etag };
      }),
    fence: (ref, epoch, options) =>
      answerRepeatable(options, () => {
        checkEpoch(epoch);
        const blob = blobOf(ref);
        blob.epoch = Math.max(blob.epoch, epoch);
        return { ...changed(blob), epoch: blob.epoch };
      }),
    writePages: (ref, offset, bytes, conditions, options) =>
      answerWrite(options, () => {
        checkWrite(offset, bytes.length);
        const blob = blobToWrite(ref, { offset, length: bytes.length }, conditions);
        blob.extents.write(offset, bytes);
        return changed(blob);
      }),
    clearPages: (ref, range, conditions, options) =>
      answerWrite(options, () => {
        checkPages(range);
        const blob = blobToWrite(ref, range, conditions);
        blob.extents.clear(range);
        return changed(blob);
      }),
    readRange: (ref, range, options) =>
      answerRepeatable(options, () => {
        checkRange(range);
        const { etag, extents, sizeBytes } = blobOf(ref);
        if (options?.ifNoneMatch === etag) return { status: 'not_modified' };
        const length = Math.max(0, Math.min(range.length, sizeBytes - range.offset));
        return { status: 'read', bytes: extents.read({ offset: range.offset, length }), etag };
      }),
    writtenRanges: (ref, range, options) =>
      answerRepeatable(options, () => {
        checkPages(range);
        return blobOf(ref).extents.ranges(range);
      }),
    segmentProperties: (ref, options) =>
      answerRepeatable(options, () => {
        const { etag, sizeBytes, epoch, changedAt } = blobOf(ref);
        return { etag, sizeBytes, epoch, unchangedMs: runtime.monotonic() - changedAt };
      }),
    listSegments: (container, options) =>
      answerRepeatable(options, () => [...containers.get(container).segments.keys()].sort()),
    deleteSegment: ({ container, segment }, options) =>
      answerRepeatable(options, () => {
        checkBlobName(segment);
        containers.find(container)?.segments.delete(segment);
      }),
  };
}
