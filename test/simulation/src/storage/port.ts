import { PAGE_BYTES } from '@message-vault/framing';
import type {
  ByteRange,
  DocumentStore,
  LeaseStore,
  PageStore,
  SegmentRef,
  Storage,
  WriteConditions,
} from '@message-vault/storage';
import type { PagedWrite, StorageCall } from './call.ts';
import { bodiesOver, queuesOver } from './queue-port.ts';
import { call, type Send } from './send.ts';

/** The ports of a storage, with every call going through `send`. */
export function portOver(send: Send): Storage {
  return {
    pages: pagesOver(send),
    leases: leasesOver(send),
    documents: documentsOver(send),
    queues: queuesOver(send),
    bodies: bodiesOver(send),
    grants: undefined,
    close: async () => {},
  };
}

function pagesOver(send: Send): PageStore {
  return {
    createContainer: (container, options) =>
      send(
        call('createContainer', 'repeatable', '', (to) => to.pages.createContainer(container)),
        options,
      ),
    deleteContainer: (container, options) =>
      send(
        call('deleteContainer', 'repeatable', '', (to) => to.pages.deleteContainer(container)),
        options,
      ),
    createSegment: (ref, init, options) =>
      send(
        call('createSegment', 'write', `${place(ref)} epoch ${init.epoch}`, (to) =>
          to.pages.createSegment(ref, init),
        ),
        options,
      ),
    fence: (ref, epoch, options) =>
      send(
        call('fence', 'repeatable', `${place(ref)} epoch ${epoch}`, (to) => to.pages.fence(ref, epoch)),
        options,
      ),
    writePages: (ref, offset, bytes, conditions, options) =>
      send(writeCall(ref, offset, bytes.slice(), conditions), options),
    clearPages: (ref, range, conditions, options) => send(clearCall(ref, range, conditions), options),
    readRange: (ref, range, options) => {
      const ifNoneMatch = options?.ifNoneMatch;
      const about = `${place(ref)} ${pagesIn(range.offset, range.length)}`;
      return send(
        call('readRange', 'read', about, (to) => to.pages.readRange(ref, range, { ifNoneMatch })),
        options,
      );
    },
    writtenRanges: (ref, range, options) =>
      send(
        call('writtenRanges', 'read', `${place(ref)} ${pagesIn(range.offset, range.length)}`, (to) =>
          to.pages.writtenRanges(ref, range),
        ),
        options,
      ),
    segmentProperties: (ref, options) =>
      send(
        call('segmentProperties', 'read', place(ref), (to) => to.pages.segmentProperties(ref)),
        options,
      ),
    listSegments: (container, options) =>
      send(
        call('listSegments', 'read', '', (to) => to.pages.listSegments(container)),
        options,
      ),
    deleteSegment: (ref, options) =>
      send(
        call('deleteSegment', 'repeatable', place(ref), (to) => to.pages.deleteSegment(ref)),
        options,
      ),
  };
}

function leasesOver(send: Send): LeaseStore {
  return {
    ensure: (lease, options) =>
      send(
        call('ensure', 'repeatable', lease, (to) => to.leases.ensure(lease)),
        options,
      ),
    acquire: (lease, id, seconds, options) =>
      send(
        call('acquire', 'write', lease, (to) => to.leases.acquire(lease, id, seconds)),
        options,
      ),
    renew: (lease, id, options) =>
      send(
        call('renew', 'write', lease, (to) => to.leases.renew(lease, id)),
        options,
      ),
    break: (lease, options) =>
      send(
        call('break', 'write', lease, (to) => to.leases.break(lease)),
        options,
      ),
    release: (lease, id, options) =>
      send(
        call('release', 'repeatable', lease, (to) => to.leases.release(lease, id)),
        options,
      ),
    isHeld: (lease, options) =>
      send(
        call('isHeld', 'read', lease, (to) => to.leases.isHeld(lease)),
        options,
      ),
  };
}

function documentsOver(send: Send): DocumentStore {
  return {
    get: (path, options) =>
      send(
        call('get', 'read', path, (to) => to.documents.get(path)),
        options,
      ),
    put: (path, body, condition, options) => {
      const kept = body.slice();
      return send(
        call('put', 'write', path, (to) =>
          to.documents.put(path, kept, condition, { label: options?.label }),
        ),
        options,
      );
    },
    delete: (path, condition, options) =>
      send(
        call('delete', 'write', path, (to) => to.documents.delete(path, condition)),
        options,
      ),
    list: (prefix, page, options) =>
      send(
        call('list', 'read', prefix, (to) => to.documents.list(prefix, page)),
        options,
      ),
  };
}

function writeCall(
  ref: SegmentRef,
  offset: number,
  bytes: Uint8Array,
  conditions: WriteConditions,
): StorageCall<{ etag: string }> {
  const one: OnePage = (to, page, under) => {
    const at = page * PAGE_BYTES;
    return to.pages.writePages(ref, offset + at, bytes.subarray(at, at + PAGE_BYTES), under);
  };
  const apply = (to: Storage, under: WriteConditions) => to.pages.writePages(ref, offset, bytes, under);
  return {
    operation: 'writePages',
    effect: 'write',
    about: `${place(ref)} ${pagesIn(offset, bytes.length)} epoch ${conditions.epoch}`,
    apply: (to) => apply(to, conditions),
    pages: paged(bytes.length / PAGE_BYTES, conditions, one, apply),
  };
}

function clearCall(
  ref: SegmentRef,
  range: ByteRange,
  conditions: WriteConditions,
): StorageCall<{ etag: string }> {
  const one: OnePage = (to, page, under) =>
    to.pages.clearPages(ref, { offset: range.offset + page * PAGE_BYTES, length: PAGE_BYTES }, under);
  const apply = (to: Storage, under: WriteConditions) => to.pages.clearPages(ref, range, under);
  return {
    operation: 'clearPages',
    effect: 'write',
    about: `${place(ref)} ${pagesIn(range.offset, range.length)}`,
    apply: (to) => apply(to, conditions),
    pages: paged(range.length / PAGE_BYTES, conditions, one, apply),
  };
}

type OnePage = (to: Storage, page: number, under: WriteConditions) => Promise<{ etag: string }>;
type AllPages = (to: Storage, under: WriteConditions) => Promise<{ etag: string }>;

/** Each page is a write of its own to the store below, so the version moves on between them: nobody else gets in unseen. */
function paged(
  count: number,
  conditions: WriteConditions,
  one: OnePage,
  all: AllPages,
): PagedWrite<{ etag: string }> | undefined {
  if (count < 2) return undefined;
  const applySome = async (to: Storage, places: readonly number[]): Promise<WriteConditions> => {
    let { etag } = conditions;
    for (const page of places) ({ etag } = await one(to, page, { ...conditions, etag }));
    return { ...conditions, etag };
  };
  return {
    count,
    applySome: async (to, places) => void (await applySome(to, places)),
    applyInParts: async (to, places, between) => {
      const then = await applySome(to, places);
      await between();
      return all(to, then);
    },
  };
}

/** Segments by their first page, without the zeros before it. */
function place({ segment }: SegmentRef): string {
  return `@${Number(segment)}`;
}

function pagesIn(offset: number, length: number): string {
  const first = Math.floor(offset / PAGE_BYTES);
  return `pages ${first}+${Math.ceil(length / PAGE_BYTES)}`;
}
