import { checkBatch, commitBodyCapacity, MAX_BATCH_BYTES } from '@message-vault/framing';
import { invariant, type Runtime } from '@message-vault/runtime';
import { type ETag, isStorageError, type PageStore } from '@message-vault/storage';
import { isLogError, LogError } from '../errors.ts';
import { byteInSegment, type StreamRef, type Tail } from '../stream.ts';
import { Admission } from './admission.ts';
import { storedBatches } from './answers.ts';
import { type Assembled, assemble, dueCheckpoint, takeFitting } from './assemble.ts';
import { Backoff, type Calls, insist, LONGEST_PAUSE_MS, pause } from './calls.ts';
import { type InFlight, outcomeUnknown, type Placed, rejectInFlight } from './in-flight.ts';
import { Inbox, PendingBatch } from './inbox.ts';
import type { Leadership } from './leadership.ts';
import { advance, type LogEnd, tailOf } from './log-end.ts';
import { NextBody } from './next-body.ts';
import { Placement } from './placement.ts';
import type { OpenSegment, Recovered } from './recover.ts';
import { claimEmptySegment } from './roll.ts';
import type { WriterSettings } from './settings.ts';
import type { AppendOptions, AppendResult, OnCommit, StreamWriter, WriterStats } from './stream-writer.ts';

export interface OwnerOptions {
  readonly pages: PageStore;
  readonly runtime: Runtime;
  readonly stream: StreamRef;
  readonly leadership: Leadership;
  readonly settings: WriterSettings;
  readonly recovered: Recovered;
  readonly onCommit?: OnCommit | undefined;
}

/**
 * The owner of one stream: the only one that writes to it. `append` judges a batch and queues it, all in one turn of the
 * event loop; one task takes from the queue and has at most one commit on its way.
 */
export class StreamOwner implements StreamWriter {
  readonly #stream: StreamRef;
  readonly #leadership: Leadership;
  readonly #settings: WriterSettings;
  readonly #pages: PageStore;
  readonly #runtime: Runtime;
  readonly #onCommit: OnCommit | undefined;
  readonly #maxBatchBytes: number;
  readonly #inbox: Inbox;
  readonly #admission: Admission;
  readonly #counts = { commits: 0, batches: 0, messages: 0, bytes: 0, duplicates: 0, retries: 0 };
  #end: LogEnd;
  #segment: OpenSegment;
  #segmentClosed = false;
  #etag: ETag;
  #flight: InFlight | undefined;
  readonly #next: NextBody;
  /** The commit on its way has been in doubt for so long that its publishers were told; nothing is taken in until it is not. */
  #stalled = false;
  /** The task while it runs, and what makes it stop waiting. An idle stream has neither: there may be thousands. */
  #task: Promise<void> | undefined;
  #stop: AbortController | undefined;
  #closing = false;
  #failure: LogError | undefined;
  #commitMs = 0;

  constructor(options: OwnerOptions) {
    this.#stream = options.stream;
    this.#leadership = options.leadership;
    this.#settings = options.settings;
    this.#pages = options.pages;
    this.#runtime = options.runtime;
    this.#onCommit = options.onCommit;
    this.#maxBatchBytes = Math.min(MAX_BATCH_BYTES, commitBodyCapacity(options.settings.maxCommitBytes));
    this.#inbox = new Inbox(options.settings);
    this.#next = new NextBody(options.settings.maxCommitBytes);
    this.#admission = new Admission(options.recovered.window);
    this.#end = options.recovered.end;
    this.#segment = options.recovered.segment;
    this.#etag = options.recovered.etag;
  }

  get tail(): Tail {
    return tailOf(this.#end);
  }

  get stats(): WriterStats {
    return {
      ...this.#counts,
      queuedBatches: this.#inbox.batches,
      queuedBytes: this.#inbox.bytes,
      stalled: this.#stalled,
      producers: this.#admission.window.size,
    };
  }

  async append(batch: Uint8Array, options: AppendOptions = {}): Promise<AppendResult> {
    const header = options.header ?? checkBatch(batch);
    invariant(header.byteLength === batch.byteLength, 'the header given is not that of this batch');
    this.#requireLeading();
    if (batch.byteLength > this.#maxBatchBytes) {
      throw new LogError(
        'too_large',
        `a batch has at most ${this.#maxBatchBytes} bytes, not ${batch.byteLength}`,
      );
    }
    const verdict = this.#admission.judge(header.producer);
    if (verdict.kind === 'stored') return this.#repeated(verdict.answer);
    if (verdict.kind === 'pending') return await this.#joined(verdict.batch);
    this.#requireRoom(batch.byteLength);
    if (verdict.kind === 'refused') throw verdict.error;
    this.#requireExpected(options.expectedSequenceNumber);
    const pending = new PendingBatch(batch, header);
    this.#admission.add(pending);
    this.#inbox.push(pending);
    if (this.#flight !== undefined) this.#next.layOut(this.#inbox);
    this.#wake();
    return await pending.answer(false);
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#stalled || !this.#leadership.isLeading()) this.#stop?.abort();
    await this.#task;
    this.#failure ??= new LogError('closed', `the writer of ${this.#stream.name} is closed`);
  }

  // ---- taking in ----

  #requireLeading(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing) throw new LogError('closed', `the writer of ${this.#stream.name} is closing`);
    if (!this.#leadership.isLeading()) throw this.#notLeading();
  }

  #requireRoom(byteLength: number): void {
    if (this.#stalled) throw storageUnavailable();
    if (this.#inbox.hasRoomFor(byteLength)) return;
    const commits = 1 + this.#inbox.bytes / this.#settings.maxCommitBytes;
    const retryAfterMs = Math.ceil(Math.min(LONGEST_PAUSE_MS, Math.max(10, this.#commitMs * commits)));
    throw new LogError('queue_full', `${this.#inbox.batches} batches are waiting already`, { retryAfterMs });
  }

  #requireExpected(expected: number | undefined): void {
    const taken = (this.#flight?.header.messageCount ?? 0) + this.#inbox.messages;
    const next = this.#end.nextSequenceNumber + taken;
    if (expected === undefined || expected === next) return;
    const message = `the next sequence number is ${next}, not ${expected}`;
    throw new LogError('sequence_mismatch', message, { expectedSequenceNumber: next });
  }

  #repeated(answer: Omit<AppendResult, 'duplicate'>): AppendResult {
    this.#counts.duplicates += 1;
    const { count, firstOffset, nextOffset, firstSequenceNumber, timestamp } = answer;
    return { count, firstOffset, nextOffset, firstSequenceNumber, timestamp, duplicate: true };
  }

  async #joined(batch: PendingBatch): Promise<AppendResult> {
    if (this.#stalled) throw outcomeUnknown();
    this.#counts.duplicates += 1;
    return await batch.answer(true);
  }

  // ---- the task ----

  #wake(): void {
    this.#task ??= this.#run();
  }

  async #run(): Promise<void> {
    this.#stop = new AbortController();
    try {
      // What is published in the same turn of the event loop shares the first commit.
      await undefined;
      while (this.#inbox.batches > 0 && this.#failure === undefined) await this.#step();
    } catch (error) {
      this.#crash(error);
    }
    this.#task = undefined;
    this.#stop = undefined;
    this.#next.clear();
  }

  get #calls(): Calls {
    const { writeTimeoutMs: timeoutMs } = this.#settings;
    return { pages: this.#pages, runtime: this.#runtime, timeoutMs, stop: this.#stop?.signal };
  }

  async #step(): Promise<void> {
    if (!this.#leadership.isLeading()) {
      this.#rejectQueue(this.#notLeading());
      return;
    }
    if (this.#segmentClosed && !(await this.#roll())) return;
    const flight = this.#nextCommit();
    this.#flight = flight;
    const placed = await this.#place(flight);
    if (placed !== undefined) this.#land(flight, placed);
  }

  #nextCommit(): InFlight {
    invariant(this.#flight === undefined, 'at most one commit is on its way');
    const checkpoint = dueCheckpoint(this.#end, this.#admission.window, this.#settings);
    const batches = takeFitting(this.#inbox, this.#settings, checkpoint);
    const { header, bytes } = this.#assemble(batches, checkpoint);
    const placement = new Placement({
      calls: this.#calls,
      ref: this.#segment.ref,
      offset: byteInSegment(this.#segment.firstPage, header.page),
      bytes,
      epoch: this.#leadership.epoch,
      etag: this.#etag,
    });
    return { header, batches, placement, bytes, startedAt: this.#runtime.monotonic() };
  }

  #assemble(batches: readonly PendingBatch[], checkpoint: Uint8Array | undefined): Assembled {
    try {
      return assemble({
        stream: this.#stream,
        epoch: this.#leadership.epoch,
        end: this.#end,
        segment: this.#segment,
        settings: this.#settings,
        nowMs: this.#runtime.now(),
        batches,
        body: this.#next.take(batches, checkpoint?.byteLength ?? 0),
        checkpoint,
      });
    } catch (error) {
      // They are out of the queue and in no commit yet: nobody else would tell them.
      for (const batch of batches)
        batch.reject(new LogError('not_leader', 'the commit could not be made', {}, error));
      throw error;
    }
  }

  /** Tries until the commit is in its place; undefined when it was given up. */
  async #place(flight: InFlight): Promise<Placed | undefined> {
    const backoff = new Backoff(this.#runtime);
    for (let tries = 1; ; tries += 1) {
      const tried = this.#leadership.isLeading() ? await flight.placement.tryOnce() : undefined;
      if (tried?.status === 'stored') {
        return { etag: tried.etag, atOnce: tries === 1 };
      }
      if (tried?.status === 'lost') {
        this.#leadership.lost(tried.reason);
        this.#fail(new LogError('not_leader', tried.reason));
        return undefined;
      }
      if (tried?.status === 'gone') {
        this.#fail(new LogError('damaged', `the stream's newest segment is gone: ${tried.reason}`));
        return undefined;
      }
      this.#counts.retries += 1;
      if (!(await this.#mayTryAgain(flight, backoff.nextMs(tried?.retryAfterMs)))) return undefined;
    }
  }

  /** Waits before the next try. When it has taken too long, says so to all who wait; what is not in doubt is given up. */
  async #mayTryAgain(flight: InFlight, delayMs: number): Promise<boolean> {
    const leftMs = flight.startedAt + this.#settings.resolveForMs - this.#runtime.monotonic();
    if (leftMs > 0 && this.#leadership.isLeading() && !this.#stop?.signal.aborted) {
      await pause(this.#calls, Math.min(delayMs, leftMs));
      return true;
    }
    const error = this.#leadership.isLeading() ? storageUnavailable() : this.#notLeading();
    rejectInFlight(flight, error);
    this.#rejectQueue(error);
    if (this.#closing) {
      this.#fail(new LogError('closed', `the writer of ${this.#stream.name} is closed`));
      return false;
    }
    this.#stalled = flight.placement.inDoubt;
    this.#admission.reset(this.#stalled ? flight.batches : []);
    if (!this.#stalled) {
      this.#flight = undefined;
      return false;
    }
    await pause(this.#calls, delayMs);
    return true;
  }

  /** The commit is durable: takes it up, then acknowledges all of its batches at once. */
  #land(flight: InFlight, { etag, atOnce }: Placed): void {
    const { header, batches } = flight;
    invariant(etag !== this.#etag, 'a stored commit must have changed the version of its segment');
    const stored = storedBatches(
      header,
      batches.map((batch) => batch.header),
    );
    // A version that was read back may be that of what a newer leader has written behind it already.
    const landed = atOnce ? { bytes: flight.bytes, versionBefore: this.#etag, version: etag } : undefined;
    this.#etag = etag;
    this.#end = advance(this.#end, header);
    this.#segmentClosed = header.lastInSegment;
    this.#admission.window.apply(header.timestamp, stored);
    for (const batch of batches) this.#admission.remove(batch);
    this.#flight = undefined;
    this.#stalled = false;
    this.#count(flight);
    const leading = this.#leadership.isLeading();
    batches.forEach((batch, index) => {
      const answer = stored[index];
      if (leading && answer !== undefined) batch.resolve(answer.place);
      else batch.reject(outcomeUnknown(this.#notLeading()));
    });
    this.#onCommit?.(this.tail, landed, this.#stream);
    // What was sent more than once may still be on its way somewhere.
    if (atOnce) this.#next.giveBack(flight.bytes);
  }

  #count({ batches, header, startedAt }: InFlight): void {
    this.#counts.commits += 1;
    this.#counts.batches += batches.length;
    this.#counts.messages += header.messageCount;
    this.#counts.bytes += header.byteLength;
    const tookMs = this.#runtime.monotonic() - startedAt;
    this.#commitMs += (tookMs - this.#commitMs) / 8;
  }

  /** Goes on to the next segment. False when that could not be done; who waits has been told. */
  async #roll(): Promise<boolean> {
    const context = { calls: this.#calls, stream: this.#stream, leadership: this.#leadership };
    const patience = {
      leadership: this.#leadership,
      deadline: this.#runtime.monotonic() + this.#settings.resolveForMs,
    };
    const firstPage = this.#end.nextPage;
    try {
      const claimed = await insist(this.#calls, patience, () =>
        claimEmptySegment(context, firstPage, this.#settings.segmentBytes),
      );
      const { ref, sizeBytes, etag } = claimed;
      this.#segment = { ref, firstPage, sizeBytes, firstNumber: this.#end.nextNumber };
      this.#etag = etag;
      this.#segmentClosed = false;
      return true;
    } catch (error) {
      this.#rollFailed(error);
      return false;
    }
  }

  #rollFailed(error: unknown): void {
    if (isLogError(error, 'storage_unavailable')) this.#rejectQueue(error);
    else if (isLogError(error)) this.#fail(error);
    else if (isStorageError(error, 'not_found')) {
      this.#fail(new LogError('damaged', 'the container of the stream is gone', {}, error));
    } else throw error;
  }

  // ---- giving up ----

  #notLeading(): LogError {
    return new LogError(
      'not_leader',
      `this node does not lead in epoch ${this.#leadership.epoch} (any more)`,
    );
  }

  /** Nothing of the queue was ever sent. */
  #rejectQueue(error: LogError): void {
    this.#next.giveUp();
    const batches = this.#inbox.takeAll();
    for (const batch of batches) {
      this.#admission.remove(batch);
      batch.reject(error);
    }
  }

  /** The end of this writer: everything waiting, and everything that comes later, is told why. */
  #fail(error: LogError): void {
    this.#failure = error;
    if (this.#flight !== undefined) rejectInFlight(this.#flight, error);
    this.#flight = undefined;
    this.#stalled = false;
    this.#rejectQueue(error);
    this.#admission.reset([]);
  }

  /** A bug. Nothing can be said of what was on its way, and nothing more may be written: the role ends. */
  #crash(error: unknown): void {
    const reason = `the writer of ${this.#stream.name} broke: ${error instanceof Error ? error.message : String(error)}`;
    if (this.#flight !== undefined) this.#flight.placement.inDoubt = true;
    this.#fail(new LogError('not_leader', reason, {}, error));
    this.#leadership.lost(reason);
  }
}

function storageUnavailable(): LogError {
  return new LogError('storage_unavailable', 'storage does not answer', { retryAfterMs: LONGEST_PAUSE_MS });
}
