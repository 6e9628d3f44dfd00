import { StorageError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { maybe, numberIn, type Row, textIn } from './rows.ts';

/**
 * A lease that is to last longer than this beyond its own time was taken before the machine was started anew: the clock
 * began again at zero, and nobody of then is left to hold it. Far more than two threads' ideas of now can differ by.
 */
const OLD_CLOCK_MS = 60_000;

/** No holder: free. With one and no time: broken. Past its time: renewable by its holder until somebody else takes it. */
interface Lease {
  readonly holder: string | undefined;
  readonly seconds: number | undefined;
  readonly heldUntil: number | undefined;
}

// Every `now` is milliseconds on the machine's monotonic clock, which all its processes share.

export function leaseReads(db: Connection) {
  return { leaseIsHeld: (lease: string, now: number): boolean => isHeld(leaseOf(db, lease), now) };
}

/** By the state table of Azure's "Lease Blob". */
export function leaseWrites(db: Connection) {
  function set(lease: string, holder: string | null, seconds: number | null, heldUntil: number | null): void {
    db.run(
      'UPDATE leases SET holder = ?, seconds = ?, held_until = ? WHERE name = ?',
      ...[holder, seconds, heldUntil, lease],
    );
  }
  const take = (lease: string, holder: string, seconds: number, now: number): void =>
    set(lease, holder, seconds, now + seconds * 1000);

  return {
    ensureLease(lease: string): void {
      db.run('INSERT INTO leases (name) VALUES (?) ON CONFLICT DO NOTHING', lease);
    },
    acquireLease(lease: string, leaseId: string, seconds: number, now: number): void {
      const current = leaseOf(db, lease);
      if (isHeld(current, now) && current.holder !== leaseId) conflict(`lease ${lease} is held`);
      take(lease, leaseId, seconds, now);
    },
    renewLease(lease: string, leaseId: string, now: number): void {
      const { holder, seconds, heldUntil } = leaseOf(db, lease);
      if (holder !== undefined && heldUntil === undefined) conflict(`lease ${lease} is broken`);
      if (holder !== leaseId || seconds === undefined) conflict(`lease ${lease} is not held by this id`);
      take(lease, leaseId, seconds, now);
    },
    breakLease(lease: string): void {
      const { holder, heldUntil } = leaseOf(db, lease);
      if (holder !== undefined && heldUntil !== undefined) set(lease, holder, null, null);
    },
    releaseLease(lease: string, leaseId: string): void {
      db.run(
        'UPDATE leases SET holder = NULL, seconds = NULL, held_until = NULL WHERE name = ? AND holder = ?',
        lease,
        leaseId,
      );
    },
  };
}

function isHeld({ seconds = 0, heldUntil }: Lease, now: number): boolean {
  const leftMs = (heldUntil ?? now) - now;
  return leftMs > 0 && leftMs <= seconds * 1000 + OLD_CLOCK_MS;
}

function leaseOf(db: Connection, lease: string): Lease {
  const row: Row | undefined = db.get('SELECT holder, seconds, held_until FROM leases WHERE name = ?', lease);
  if (row === undefined) throw new StorageError('not_found', `there is no lease ${lease}`);
  return {
    holder: maybe(row, 'holder', textIn),
    seconds: maybe(row, 'seconds', numberIn),
    heldUntil: maybe(row, 'held_until', numberIn),
  };
}

function conflict(message: string): never {
  throw new StorageError('lease_conflict', message);
}
