import { type Runtime, systemRuntime } from '@message-vault/runtime';
import type {
  BodyStore,
  CallOptions,
  DocumentStore,
  GrantStore,
  LeaseStore,
  PageStore,
  QueueStore,
  SegmentRef,
  Storage,
} from '../ports.ts';
import { STORAGE_PAGE_BYTES } from '../rules.ts';
import type { CallEffect, FaultPlan } from './fault.ts';
import { inject } from './inject.ts';

/** Makes one call through the plan: what it is called, what it does, what it is about, and how to make it. */
type Through = <T>(
  operation: string,
  effect: CallEffect,
  target: string | SegmentRef,
  options: CallOptions | undefined,
  make: (options: CallOptions | undefined, pages?: number) => Promise<T>,
) => Promise<T>;

/**
 * `inner` with faults: before every call `plan` says what is to go wrong with it.
 *
 * For tests and the simulation. Each node of a simulated cluster gets a wrapper of its own around one storage, so that
 * one of them can be cut off. Delays run on `runtime`, so a run in virtual time is the same every time. Closing it
 * leaves `inner` open.
 */
export function faultyStorage(inner: Storage, plan: FaultPlan, options: { runtime?: Runtime } = {}): Storage {
  const runtime = options.runtime ?? systemRuntime;
  let calls = 0;
  const through: Through = async (operation, effect, about, callOptions, make) => {
    const place =
      typeof about === 'string' ? { target: about } : { target: about.container, segment: about.segment };
    const call = { operation, effect, index: calls++, ...place };
    return inject(runtime, call, plan(call), callOptions, make);
  };
  return {
    pages: faultyPages(inner.pages, through),
    leases: faultyLeases(inner.leases, through),
    documents: faultyDocuments(inner.documents, through),
    queues: faultyQueues(inner.queues, through),
    bodies: faultyBodies(inner.bodies, through),
    grants: inner.grants && faultyGrants(inner.grants, through),
    close: async () => {},
  };
}

function faultyPages(pages: PageStore, through: Through): PageStore {
  return {
    createContainer: (container, options) =>
      through('pages.createContainer', 'repeatable', container, options, (o) =>
        pages.createContainer(container, o),
      ),
    deleteContainer: (container, options) =>
      through('pages.deleteContainer', 'repeatable', container, options, (o) =>
        pages.deleteContainer(container, o),
      ),
    createSegment: (ref, init, options) =>
      through('pages.createSegment', 'write', ref, options, (o) => pages.createSegment(ref, init, o)),
    fence: (ref, epoch, options) =>
      through('pages.fence', 'repeatable', ref, options, (o) => pages.fence(ref, epoch, o)),
    writePages: (ref, offset, bytes, conditions, options) => {
      // A call made later must carry what the bytes were now.
      const kept = bytes.slice();
      return through('pages.writePages', 'write', ref, options, (o, count) =>
        pages.writePages(
          ref,
          offset,
          count === undefined ? kept : kept.subarray(0, count * STORAGE_PAGE_BYTES),
          conditions,
          o,
        ),
      );
    },
    clearPages: (ref, range, conditions, options) =>
      through('pages.clearPages', 'write', ref, options, (o) => pages.clearPages(ref, range, conditions, o)),
    readRange: (ref, range, options) =>
      through('pages.readRange', 'read', ref, options, (o) =>
        pages.readRange(ref, range, { ...o, ifNoneMatch: options?.ifNoneMatch }),
      ),
    writtenRanges: (ref, range, options) =>
      through('pages.writtenRanges', 'read', ref, options, (o) => pages.writtenRanges(ref, range, o)),
    segmentProperties: (ref, options) =>
      through('pages.segmentProperties', 'read', ref, options, (o) => pages.segmentProperties(ref, o)),
    listSegments: (container, options) =>
      through('pages.listSegments', 'read', container, options, (o) => pages.listSegments(container, o)),
    deleteSegment: (ref, options) =>
      through('pages.deleteSegment', 'repeatable', ref, options, (o) => pages.deleteSegment(ref, o)),
  };
}

function faultyLeases(leases: LeaseStore, through: Through): LeaseStore {
  return {
    ensure: (lease, options) =>
      through('leases.ensure', 'repeatable', lease, options, (o) => leases.ensure(lease, o)),
    acquire: (lease, leaseId, durationSeconds, options) =>
      through('leases.acquire', 'write', lease, options, (o) =>
        leases.acquire(lease, leaseId, durationSeconds, o),
      ),
    renew: (lease, leaseId, options) =>
      through('leases.renew', 'write', lease, options, (o) => leases.renew(lease, leaseId, o)),
    break: (lease, options) =>
      through('leases.break', 'write', lease, options, (o) => leases.break(lease, o)),
    release: (lease, leaseId, options) =>
      through('leases.release', 'repeatable', lease, options, (o) => leases.release(lease, leaseId, o)),
    isHeld: (lease, options) =>
      through('leases.isHeld', 'read', lease, options, (o) => leases.isHeld(lease, o)),
  };
}

function faultyDocuments(documents: DocumentStore, through: Through): DocumentStore {
  return {
    get: (path, options) => through('documents.get', 'read', path, options, (o) => documents.get(path, o)),
    put: (path, body, condition, options) => {
      const kept = body.slice();
      return through('documents.put', 'write', path, options, (o) =>
        documents.put(path, kept, condition, { ...o, label: options?.label }),
      );
    },
    delete: (path, condition, options) =>
      through('documents.delete', 'write', path, options, (o) => documents.delete(path, condition, o)),
    list: (prefix, page, options) =>
      through('documents.list', 'read', prefix, options, (o) => documents.list(prefix, page, o)),
  };
}

function faultyQueues(queues: QueueStore, through: Through): QueueStore {
  return {
    createQueue: (queue, options) =>
      through('queues.createQueue', 'repeatable', queue, options, (o) => queues.createQueue(queue, o)),
    deleteQueue: (queue, options) =>
      through('queues.deleteQueue', 'repeatable', queue, options, (o) => queues.deleteQueue(queue, o)),
    send: (queue, body, times, options) => {
      const kept = body.slice();
      return through('queues.send', 'write', queue, options, (o) => queues.send(queue, kept, times, o));
    },
    receive: (queue, how, options) =>
      through('queues.receive', 'write', queue, options, (o) => queues.receive(queue, how, o)),
    update: (queue, receipt, { visibilityTimeoutMs, body }, options) => {
      const kept = { visibilityTimeoutMs, body: body?.slice() };
      return through('queues.update', 'write', queue, options, (o) => queues.update(queue, receipt, kept, o));
    },
    delete: (queue, receipt, options) =>
      through('queues.delete', 'write', queue, options, (o) => queues.delete(queue, receipt, o)),
    peek: (queue, max, options) =>
      through('queues.peek', 'read', queue, options, (o) => queues.peek(queue, max, o)),
    properties: (queue, options) =>
      through('queues.properties', 'read', queue, options, (o) => queues.properties(queue, o)),
  };
}

function faultyBodies(bodies: BodyStore, through: Through): BodyStore {
  return {
    put: (container, id, bytes, options) => {
      const kept = bytes.slice();
      return through('bodies.put', 'repeatable', container, options, (o) =>
        bodies.put(container, id, kept, o),
      );
    },
    get: (container, id, options) =>
      through('bodies.get', 'read', container, options, (o) => bodies.get(container, id, o)),
    delete: (container, id, options) =>
      through('bodies.delete', 'repeatable', container, options, (o) => bodies.delete(container, id, o)),
    list: (container, page, options) =>
      through('bodies.list', 'read', container, options, (o) => bodies.list(container, page, o)),
  };
}

function faultyGrants(grants: GrantStore, through: Through): GrantStore {
  return {
    grantRead: (container, validForMs) =>
      through('grants.grantRead', 'read', container, undefined, () =>
        grants.grantRead(container, validForMs),
      ),
  };
}
