import { randomBytes, randomUUID } from 'node:crypto';
import { StorageError } from '../../errors.ts';
import type { MessageReceipt, PeekedMessage, ReceivedMessage, SendTimes } from '../../ports.ts';
import { wholeSeconds } from '../../rules.ts';
import type { Connection } from './connection.ts';
import { bytesIn, maybe, numberIn, type Row, textIn } from './rows.ts';

const STILL_LIVES = '(expires_at IS NULL OR expires_at > ?)';
const TO_SEE = `SELECT id, message_id, dequeue_count, inserted_at, expires_at, body FROM messages
  WHERE queue = ? AND visible_at <= ? AND ${STILL_LIVES} ORDER BY visible_at, id LIMIT ?`;

/** The most messages that one transaction removes because their time, or their queue, is over. */
const REMOVED_A_STEP = 256;

/** What of the queues is left for the sweep, which knows no time: the last that a receiver had, of queues with more that expired. */
export type ExpiredQueues = Map<number, number>;

// Every `now` is the time of the caller, milliseconds since 1970.

export function queueReads(db: Connection) {
  return {
    peekMessages: (queue: string, max: number, now: number): PeekedMessage[] =>
      db.all(TO_SEE, queueOf(db, queue), now, now, max).map(shown),
    queueProperties(queue: string, now: number): { approximateCount: number } {
      const sql = `SELECT count(*) AS count FROM messages WHERE queue = ? AND ${STILL_LIVES}`;
      return { approximateCount: numberIn(db.get(sql, queueOf(db, queue), now) ?? {}, 'count') };
    },
  };
}

export function queueWrites(db: Connection, expired: ExpiredQueues) {
  /** Errors: `receipt_lost`. */
  function heldBy(queue: number, { messageId, popReceipt }: MessageReceipt, now: number): number {
    const row = db.get(
      `SELECT id FROM messages WHERE message_id = ? AND queue = ? AND receipt = ? AND ${STILL_LIVES}`,
      ...[messageId, queue, popReceipt, now],
    );
    if (row === undefined)
      throw new StorageError('receipt_lost', `message ${messageId} is not held by this receipt`);
    return numberIn(row, 'id');
  }

  return {
    createQueue(queue: string): void {
      db.run('INSERT INTO queues (name) VALUES (?) ON CONFLICT DO NOTHING', queue);
    },
    /** Gone at once; its messages are swept. */
    deleteQueue(queue: string): void {
      db.run("UPDATE queues SET name = 'gone ' || id WHERE name = ?", queue);
    },
    sendMessage(
      queue: string,
      body: Uint8Array<ArrayBuffer>,
      { delayMs = 0, timeToLiveMs }: SendTimes,
      now: number,
    ): MessageReceipt {
      const into = queueOf(db, queue);
      const receipt = { messageId: randomUUID(), popReceipt: nextReceipt() };
      db.run(
        `INSERT INTO messages (queue, message_id, receipt, dequeue_count, inserted_at, expires_at, visible_at, body)
         VALUES (?, ?, ?, 0, ?, ?, ?, ?)`,
        ...[into, receipt.messageId, receipt.popReceipt, now],
        ...[timeToLiveMs === undefined ? null : after(now, timeToLiveMs), after(now, delayMs), body],
      );
      return receipt;
    },
    receiveMessages(queue: string, max: number, visibilityTimeoutMs: number, now: number): ReceivedMessage[] {
      const from = queueOf(db, queue);
      if (removeExpired(db, from, now)) expired.set(from, now);
      return db.all(TO_SEE, from, now, now, max).map((row) => {
        const message = shown(row);
        const popReceipt = nextReceipt();
        const dequeueCount = message.dequeueCount + 1;
        db.run(
          'UPDATE messages SET dequeue_count = ?, receipt = ?, visible_at = ? WHERE id = ?',
          ...[dequeueCount, popReceipt, after(now, visibilityTimeoutMs), numberIn(row, 'id')],
        );
        return { ...message, dequeueCount, popReceipt };
      });
    },
    updateMessage(
      queue: string,
      receipt: MessageReceipt,
      visibilityTimeoutMs: number,
      body: Uint8Array<ArrayBuffer> | undefined,
      now: number,
    ): { popReceipt: string } {
      const id = heldBy(queueOf(db, queue), receipt, now);
      const popReceipt = nextReceipt();
      db.run(
        'UPDATE messages SET receipt = ?, visible_at = ?, body = coalesce(?, body) WHERE id = ?',
        ...[popReceipt, after(now, visibilityTimeoutMs), body ?? null, id],
      );
      return { popReceipt };
    },
    deleteMessage(queue: string, receipt: MessageReceipt, now: number): void {
      db.run('DELETE FROM messages WHERE id = ?', heldBy(queueOf(db, queue), receipt, now));
    },
  };
}

/** Removes some messages of queues that are gone, or some that have expired; false when none is left. */
export function sweepQueues(db: Connection, expired: ExpiredQueues): boolean {
  // No queue can be called that.
  const gone = db.get("SELECT id FROM queues WHERE name >= 'gone ' AND name < 'gone!' LIMIT 1");
  if (gone !== undefined) {
    const id = numberIn(gone, 'id');
    if (!removeSome(db, 'queue = ?', id)) db.run('DELETE FROM queues WHERE id = ?', id);
    return true;
  }
  for (const [queue, now] of expired) {
    if (removeExpired(db, queue, now)) return true;
    expired.delete(queue);
  }
  return false;
}

function removeExpired(db: Connection, queue: number, now: number): boolean {
  return removeSome(db, 'queue = ? AND expires_at <= ?', queue, now);
}

/** Whether there may be more of them. */
function removeSome(db: Connection, which: string, ...values: number[]): boolean {
  const some = `SELECT id FROM messages WHERE ${which} LIMIT ?`;
  return db.run(`DELETE FROM messages WHERE id IN (${some})`, ...values, REMOVED_A_STEP) === REMOVED_A_STEP;
}

function queueOf(db: Connection, queue: string): number {
  const row = db.get('SELECT id FROM queues WHERE name = ?', queue);
  if (row === undefined) throw new StorageError('not_found', `there is no queue ${queue}`);
  return numberIn(row, 'id');
}

function shown(row: Row): PeekedMessage {
  return {
    messageId: textIn(row, 'message_id'),
    body: bytesIn(row, 'body'),
    dequeueCount: numberIn(row, 'dequeue_count'),
    insertedAt: numberIn(row, 'inserted_at'),
    expiresAt: maybe(row, 'expires_at', numberIn),
  };
}

function after(now: number, ms: number): number {
  return now + wholeSeconds(ms) * 1000;
}

function nextReceipt(): string {
  return randomBytes(12).toString('base64');
}
