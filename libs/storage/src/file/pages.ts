import type { PageStore } from '../ports.ts';
import {
  checkBlobName,
  checkContainer,
  checkEpoch,
  checkPages,
  checkRange,
  checkSegmentSize,
  checkWrite,
} from '../rules.ts';
import { type FileCalls, ownBytes } from './calls.ts';
import type { FileClock } from './clock.ts';

/** Page blobs as rows of the database, with the conditions of Azure's. */
export function filePages({ write, repeatable }: FileCalls, clock: FileClock): PageStore {
  return {
    async createContainer(container, options) {
      checkContainer(container);
      await repeatable(options, 'createContainer', container);
    },
    async deleteContainer(container, options) {
      checkContainer(container);
      await repeatable(options, 'deleteContainer', container);
    },
    async createSegment(ref, { sizeBytes, epoch }, options) {
      checkRef(ref);
      checkSegmentSize(sizeBytes);
      checkEpoch(epoch);
      return await write(options, 'createSegment', plain(ref), { sizeBytes, epoch }, clock.now());
    },
    async fence(ref, epoch, options) {
      checkRef(ref);
      checkEpoch(epoch);
      return await repeatable(options, 'fence', plain(ref), epoch, clock.now());
    },
    async writePages(ref, offset, bytes, { epoch, etag }, options) {
      checkRef(ref);
      checkWrite(offset, bytes.length);
      checkEpoch(epoch);
      return await write(
        options,
        'writePages',
        plain(ref),
        offset,
        ownBytes(bytes),
        { epoch, etag },
        clock.now(),
      );
    },
    async clearPages(ref, { offset, length }, { epoch, etag }, options) {
      checkRef(ref);
      checkPages({ offset, length });
      checkEpoch(epoch);
      return await write(options, 'clearPages', plain(ref), { offset, length }, { epoch, etag }, clock.now());
    },
    async readRange(ref, { offset, length }, options) {
      checkRef(ref);
      checkRange({ offset, length });
      return await repeatable(options, 'readRange', plain(ref), { offset, length }, options?.ifNoneMatch);
    },
    async writtenRanges(ref, { offset, length }, options) {
      checkRef(ref);
      checkPages({ offset, length });
      return await repeatable(options, 'writtenRanges', plain(ref), { offset, length });
    },
    async segmentProperties(ref, options) {
      checkRef(ref);
      return await repeatable(options, 'segmentProperties', plain(ref), clock.now());
    },
    async listSegments(container, options) {
      checkContainer(container);
      return await repeatable(options, 'listSegments', container);
    },
    async deleteSegment(ref, options) {
      checkRef(ref);
      await repeatable(options, 'deleteSegment', plain(ref));
    },
  };
}

type Ref = Parameters<PageStore['deleteSegment']>[0];

function checkRef({ container, segment }: Ref): void {
  checkContainer(container);
  checkBlobName(segment);
}

/** Nothing but what is meant goes to the other thread: a caller's object may hold what can't travel. */
function plain({ container, segment }: Ref): Ref {
  return { container, segment };
}
