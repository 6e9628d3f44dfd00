import { Buffer } from 'node:buffer';
import { isStorageError, type StoredDocument } from '@message-vault/storage';
import { z } from 'zod';
import type { QueueContext } from './context.ts';
import { QueueError } from './errors.ts';
import { LONGEST_LOCK_MS } from './lock-id.ts';
import { labelOfMs, msInLabel } from './small-documents.ts';

/** Where it is written down: `queue-readers/<queue id>`. */
const READERS_PREFIX = 'queue-readers/';
/** A renewal has been made, or has failed, after this long. */
export const RENEWAL_MS = 60_000;
/** The storage tells times in whole seconds: what it says has passed may be so much too long. */
const SECOND_MS = 1000;

const schema = z.strictObject({
  version: z.literal(1),
  /** Of the leader that wrote it: an older one may not any more. */
  epoch: z.int(),
  /** Which locks are out, and until when (milliseconds since 1970, by the clock of the leader that wrote it). */
  locks: z.record(z.string(), z.int()),
});

type Stored = z.infer<typeof schema>;

/**
 * The locks that are out of one queue, as the leader knows them and as the next one will. Clocks of nodes may be wrong, and
 * be put right meanwhile: a leader counts by its monotonic clock; what it writes down has for a label what time it was by
 * its wall clock then, and how long ago that was the next one hears from the storage.
 */
export class ReaderList {
  readonly #context: QueueContext;
  readonly #path: string;
  readonly #epoch: number;
  /** When each ends, by the monotonic clock of this node. */
  readonly #ends: Map<string, number>;
  #etag: string | undefined;
  #changed = false;
  #saving: Promise<void> | undefined;

  private constructor(
    context: QueueContext,
    path: string,
    found: { epoch: number; ends: Map<string, number>; etag: string | undefined },
  ) {
    this.#context = context;
    this.#path = path;
    this.#epoch = found.epoch;
    this.#etag = found.etag;
    this.#ends = found.ends;
  }

  /** Reads what the last leader left and writes it anew, so that it can't any more. Errors: QueueError `not_leader`, StorageError. */
  static async claim(context: QueueContext, queueId: string, epoch: number): Promise<ReaderList> {
    const path = READERS_PREFIX + queueId;
    const there = await context.documents.get(path);
    const stored = there && parse(there.body);
    if (stored !== undefined && stored.epoch > epoch) throw notLeader();
    const ends = there && stored ? endsOf(context, there, stored.locks) : new Map<string, number>();
    const list = new ReaderList(context, path, { epoch, ends, etag: there?.etag });
    await list.#save();
    return list;
  }

  /** How many locks hold now. */
  inForce(): number {
    const now = this.#context.runtime.monotonic();
    for (const [key, end] of this.#ends) if (end <= now) this.#ends.delete(key);
    return this.#ends.size;
  }

  /** In how many milliseconds the next of them ends, or it is time to look again. */
  nextEndMs(): number {
    const now = this.#context.runtime.monotonic();
    return Math.min(...this.#ends.values(), now + 60_000) - now;
  }

  /**
   * For so long from now, or longer if that is known already: a renewal does not make a lock shorter. Resolves when it is
   * written down. Errors: QueueError `not_leader`, StorageError; the list is as before then.
   */
  async put(key: string, lastsMs: number): Promise<void> {
    const before = this.#ends.get(key);
    const end = this.#context.runtime.monotonic() + lastsMs;
    this.#ends.set(key, Math.max(end, before ?? end));
    try {
      await this.#save();
    } catch (error) {
      if (before === undefined) this.#ends.delete(key);
      else this.#ends.set(key, before);
      throw error;
    }
  }

  /** When the lock really ends, earlier than was written down: the next leader needs not know. */
  correct(key: string, lastsMs: number): void {
    if (this.#ends.has(key)) this.#ends.set(key, this.#context.runtime.monotonic() + lastsMs);
  }

  /** Written down some time: that a lock has ended early, the next leader needs not know. */
  remove(key: string): void {
    if (!this.#ends.delete(key)) return;
    this.#save().catch((error: unknown) =>
      this.#context.logger.info(
        { error },
        'the end of a lock was not written down: it counts until its time is over',
      ),
    );
  }

  /** One write at a time; those who come meanwhile share the next. */
  async #save(): Promise<void> {
    this.#changed = true;
    while (this.#changed) {
      this.#saving ??= this.#write().finally(() => {
        this.#saving = undefined;
      });
      await this.#saving;
    }
  }

  async #write(): Promise<void> {
    this.#changed = false;
    const { runtime } = this.#context;
    const now = runtime.now();
    const ahead = now - runtime.monotonic();
    const locks = Object.fromEntries([...this.#ends].map(([key, end]) => [key, Math.ceil(end + ahead)]));
    const stored: Stored = { version: 1, epoch: this.#epoch, locks };
    const body = Buffer.from(JSON.stringify(stored));
    try {
      const condition = this.#etag === undefined ? { ifAbsent: true as const } : { ifMatch: this.#etag };
      ({ etag: this.#etag } = await this.#context.documents.put(this.#path, body, condition, {
        label: labelOfMs(now),
      }));
    } catch (error) {
      if (!isStorageError(error, 'outcome_unknown', 'etag_mismatch', 'already_exists', 'not_found'))
        throw error;
      await this.#lookBack(body, error);
    }
  }

  /** Ours if it reads as what we wrote: a write whose answer was lost, or came twice. */
  async #lookBack(body: Buffer, cause: unknown): Promise<void> {
    const there = await this.#context.documents.get(this.#path);
    if (there !== undefined && body.equals(there.body)) {
      this.#etag = there.etag;
      return;
    }
    const stored = there && parse(there.body);
    if (stored !== undefined && stored.epoch > this.#epoch) throw notLeader();
    // Of our own epoch or older: an earlier write of ours, or none landed yet. The next write goes on from there.
    this.#etag = there?.etag;
    throw cause;
  }
}

/** Of the locks a leader left, by this node's monotonic clock: what was left of each when that was written down, less what has passed since. */
function endsOf(
  { runtime }: QueueContext,
  { label, unchangedMs }: StoredDocument,
  locks: Stored['locks'],
): Map<string, number> {
  const passedMs = Math.max(0, unchangedMs - SECOND_MS);
  // Leaders of earlier versions did not say what time it was: there is only this node's clock to go by, and how long a lock can be.
  const nowThere = msInLabel(label) ?? runtime.now() - passedMs;
  return new Map(
    Object.entries(locks).map(([key, until]) => {
      const lastedMs = Math.min(until - nowThere, LONGEST_LOCK_MS + RENEWAL_MS);
      return [key, runtime.monotonic() + lastedMs - passedMs];
    }),
  );
}

function parse(body: Uint8Array): Stored | undefined {
  const parsed = schema.safeParse(JSON.parse(Buffer.from(body).toString('utf8')));
  return parsed.success ? parsed.data : undefined;
}

function notLeader(): QueueError {
  return new QueueError('not_leader', 'another node leads and looks after the readers of this queue');
}
