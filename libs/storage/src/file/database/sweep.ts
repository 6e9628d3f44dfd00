import type { Connection } from './connection.ts';
import { type ExpiredQueues, sweepQueues } from './queues.ts';
import { numberIn } from './rows.ts';

/** What one step removes: so much that it is worth a transaction, and so little that no call waits long for it. */
const EXTENTS_A_STEP = 256;
const BODIES_A_STEP = 16;

/**
 * Removes some of what deleted containers, segments and queues held, and of what has expired, in the transaction that is
 * open; false when none is left.
 */
export function sweep(db: Connection, expired: ExpiredQueues): boolean {
  const segment = db.get('SELECT id FROM segments WHERE name IS NULL LIMIT 1');
  if (segment !== undefined) {
    sweepSegment(db, numberIn(segment, 'id'));
    return true;
  }
  const container = db.get('SELECT id FROM containers WHERE name IS NULL LIMIT 1');
  if (container === undefined) return sweepQueues(db, expired);
  sweepContainer(db, numberIn(container, 'id'));
  return true;
}

function sweepSegment(db: Connection, id: number): void {
  const extents = 'SELECT id FROM extents WHERE segment = ? ORDER BY start LIMIT ?';
  const removed = db.run(`DELETE FROM extents WHERE id IN (${extents})`, id, EXTENTS_A_STEP);
  if (removed < EXTENTS_A_STEP) db.run('DELETE FROM segments WHERE id = ?', id);
}

/** Its segments have lost their names together with it, and are gone before it is its turn. */
function sweepContainer(db: Connection, id: number): void {
  const bodies = 'SELECT id FROM bodies WHERE container = ? ORDER BY name LIMIT ?';
  const removed = db.run(`DELETE FROM bodies WHERE id IN (${bodies})`, id, BODIES_A_STEP);
  if (removed < BODIES_A_STEP) db.run('DELETE FROM containers WHERE id = ?', id);
}
