import { bodyReads, bodyWrites } from './bodies.ts';
import type { Connection } from './connection.ts';
import { documentReads, documentWrites } from './documents.ts';
import { leaseReads, leaseWrites } from './leases.ts';
import { type ExpiredQueues, queueReads, queueWrites } from './queues.ts';
import { segmentReads, segmentWrites } from './segments.ts';

// Each operation runs within a transaction that somebody else begins and commits, together with others. So one that
// refuses, by throwing a StorageError, does it before it has changed anything.

export function readsOn(db: Connection) {
  return {
    ...segmentReads(db),
    ...leaseReads(db),
    ...documentReads(db),
    ...queueReads(db),
    ...bodyReads(db),
  };
}

/** What receivers find of messages that expired, and is too much for them, is put into `expired`. */
export function writesOn(db: Connection, expired: ExpiredQueues) {
  return {
    ...segmentWrites(db),
    ...leaseWrites(db),
    ...documentWrites(db),
    ...queueWrites(db, expired),
    ...bodyWrites(db),
  };
}

export type Reads = ReturnType<typeof readsOn>;
export type Writes = ReturnType<typeof writesOn>;
export type Operations = Reads & Writes;
