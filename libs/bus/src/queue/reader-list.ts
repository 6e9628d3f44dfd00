import { Buffer } from 'node:buffer';
import { isStorageError } from '@message-vault/storage';
import { z } from 'zod';
import type { QueueContext } from './context.ts';
import { QueueError } from './errors.ts';

/** Where it is written down: `queue-readers/<queue id>`. */
const READERS_PREFIX = 'queue-readers/';

const schema = z.strictObject({
  version: z.literal(1),
  /** Of the leader that wrote it: an older one may not any more. */
  epoch: z.int(),
  /** Which locks are out, and until when (milliseconds since 1970). */
  locks: z.record(z.string(), z.int()),
});

type Stored = z.infer<typeof schema>;

/** The locks that are out of one queue, as the leader knows them and as the next one will. */
export class ReaderList {
  readonly #context: QueueContext;
  readonly #path: string;
  readonly #epoch: number;
  readonly #locks: Map<string, number>;
  #etag: string | undefined;
  #changed = false;
  #saving: Promise<void> | undefined;

  private constructor(
    context: QueueContext,
    path: string,
    found: { epoch: number; locks: Stored['locks']; etag: string | undefined },
  ) {
    this.#context = context;
    this.#path = path;
    this.#epoch = found.epoch;
    this.#etag = found.etag;
    this.#locks = new Map(Object.entries(found.locks));
  }

  /** Reads what the last leader left and writes it anew, so that it can't any more. Errors: QueueError `not_leader`, StorageError. */
  static async claim(context: QueueContext, queueId: string, epoch: number): Promise<ReaderList> {
    const path = READERS_PREFIX + queueId;
    const there = await context.documents.get(path);
    const stored = there && parse(there.body);
    if (stored !== undefined && stored.epoch > epoch) throw notLeader();
    const list = new ReaderList(context, path, { epoch, locks: stored?.locks ?? {}, etag: there?.etag });
    await list.#save();
    return list;
  }

  /** How many locks hold now. */
  inForce(now: number): number {
    for (const [key, until] of this.#locks) if (until <= now) this.#locks.delete(key);
    return this.#locks.size;
  }

  /** When the next of them ends. */
  nextEnd(now: number): number {
    return Math.min(...this.#locks.values(), now + 60_000);
  }

  /**
   * Until then, or longer if that is known already: a renewal does not make a lock shorter. Resolves when it is written
   * down. Errors: QueueError `not_leader`, StorageError; the list is as before then.
   */
  async put(key: string, until: number): Promise<void> {
    const before = this.#locks.get(key);
    this.#locks.set(key, Math.max(until, before ?? until));
    try {
      await this.#save();
    } catch (error) {
      if (before === undefined) this.#locks.delete(key);
      else this.#locks.set(key, before);
      throw error;
    }
  }

  /** When the lock really ends, earlier than was written down: the next leader needs not know. */
  correct(key: string, until: number): void {
    if (this.#locks.has(key)) this.#locks.set(key, until);
  }

  /** Written down some time: that a lock has ended early, the next leader needs not know. */
  remove(key: string): void {
    if (!this.#locks.delete(key)) return;
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
    const stored: Stored = { version: 1, epoch: this.#epoch, locks: Object.fromEntries(this.#locks) };
    const body = Buffer.from(JSON.stringify(stored));
    try {
      const condition = this.#etag === undefined ? { ifAbsent: true as const } : { ifMatch: this.#etag };
      ({ etag: this.#etag } = await this.#context.documents.put(this.#path, body, condition));
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

function parse(body: Uint8Array): Stored | undefined {
  const parsed = schema.safeParse(JSON.parse(Buffer.from(body).toString('utf8')));
  return parsed.success ? parsed.data : undefined;
}

function notLeader(): QueueError {
  return new QueueError('not_leader', 'another node leads and looks after the readers of this queue');
}
