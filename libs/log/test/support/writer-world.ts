import {
  type CommitHeader,
  decodeBatch,
  decodeCommit,
  decodeCommitHeader,
  encodeBatch,
  isBlank,
  PAGE_BYTES,
  type ProducerIdentity,
} from '@message-vault/framing';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import {
  type FaultPlan,
  faultyStorage,
  isStorageError,
  memoryStorage,
  type PageStore,
  type Storage,
} from '@message-vault/storage';
import {
  type LandedCommit,
  type Leadership,
  openWriter,
  type StreamRef,
  type StreamWriter,
  segmentPages,
  segmentRef,
  type WriterSettings,
} from '../../src/index.ts';

/** A leadership a test can take away in both ways: by time passing, and by proof of another leader. */
export class TestLeadership implements Leadership {
  readonly epoch: number;
  leading = true;
  readonly lostBecause: string[] = [];

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  isLeading(): boolean {
    return this.leading && this.lostBecause.length === 0;
  }

  lost(reason: string): void {
    this.lostBecause.push(reason);
  }
}

export interface StoredCommitView {
  readonly header: CommitHeader;
  readonly values: string[];
  readonly checkpoint: Uint8Array | undefined;
}

export interface OpenOptions {
  readonly settings?: Partial<WriterSettings>;
  readonly faults?: FaultPlan;
  readonly leadership?: TestLeadership;
  readonly onCommit?: (page: number, commit: LandedCommit | undefined) => void;
}

/** One stream on storage in memory, in virtual time, that any number of leaders can open one after the other. */
export class WriterWorld {
  readonly runtime: VirtualRuntime;
  readonly storage: Storage;
  readonly stream: StreamRef = {
    name: 'orders',
    streamId: '6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b',
    container: 'mv-orders',
  };
  readonly leaderships: TestLeadership[] = [];
  #made: Promise<void> | undefined;

  constructor(seed = 1) {
    this.runtime = new VirtualRuntime({ seed });
    this.storage = memoryStorage({ runtime: this.runtime });
  }

  get pages(): PageStore {
    return this.storage.pages;
  }

  leader(epoch: number): TestLeadership {
    const leadership = new TestLeadership(epoch);
    this.leaderships.push(leadership);
    return leadership;
  }

  /** Opens the stream as the leader of `epoch`, through a storage with `faults`. */
  async open(epoch: number, options: OpenOptions = {}): Promise<StreamWriter> {
    return await this.run(this.opening(epoch, options));
  }

  /** Begins to open; virtual time does not run by itself. */
  async opening(epoch: number, options: OpenOptions = {}): Promise<StreamWriter> {
    // The container comes with the stream's name, before anybody opens it; once only, so that a test can take it away.
    this.#made ??= this.pages.createContainer(this.stream.container);
    await this.#made;
    const plan = options.faults;
    const storage =
      plan === undefined ? this.storage : faultyStorage(this.storage, plan, { runtime: this.runtime });
    return await openWriter({
      pages: storage.pages,
      runtime: this.runtime,
      stream: this.stream,
      leadership: options.leadership ?? this.leader(epoch),
      settings: options.settings,
      onCommit: (tail, commit) => options.onCommit?.(tail.page, commit),
    });
  }

  /** Runs virtual time until `promise` settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.runtime.run(promise);
  }

  /** The code `promise` fails with, or the words for that it did not; virtual time runs until it is known. */
  async codeOf(promise: Promise<unknown>): Promise<string> {
    return await this.run(code(promise));
  }

  /**
   * Every commit of the stream, read forwards from its earliest segment by nothing but the format. With `tornEnds` what
   * is not a commit ends a segment, as it does for a reader; without, it fails.
   */
  async stored({ tornEnds = false } = {}): Promise<StoredCommitView[]> {
    const commits: StoredCommitView[] = [];
    for (const firstPage of await this.segments()) {
      let page = firstPage;
      for (;;) {
        const head = await this.#read(firstPage, page, 1);
        if (head.length === 0 || isBlank(head)) break;
        const { pages } = decodeCommitHeader(head, 0, { page });
        const bytes = await this.#read(firstPage, page, pages);
        if (tornEnds && !isWhole(bytes)) break;
        const { header, batches, checkpoint } = decodeCommit(bytes, 0, {
          page,
          streamId: this.stream.streamId,
        });
        const values = batches.flatMap((batch) =>
          decodeBatch(batch).messages.map(({ value }) => textOf(value)),
        );
        commits.push({ header, values, checkpoint });
        page += pages;
      }
    }
    return commits;
  }

  async values(): Promise<string[]> {
    return (await this.stored()).flatMap(({ values }) => values);
  }

  /** First pages of the segments there are. */
  async segments(): Promise<number[]> {
    try {
      return segmentPages(await this.pages.listSegments(this.stream.container));
    } catch (error) {
      if (isStorageError(error, 'not_found')) return [];
      throw error;
    }
  }

  /** Writes bytes into the newest segment as nobody should, whatever its conditions are. */
  async scribble(page: number, bytes: Uint8Array): Promise<void> {
    const segments = await this.segments();
    const firstPage = segments.findLast((first) => first <= page) ?? 0;
    const ref = segmentRef(this.stream, firstPage);
    const conditions = await this.pages.segmentProperties(ref);
    await this.pages.writePages(ref, (page - firstPage) * PAGE_BYTES, bytes, conditions);
  }

  async bytesAt(page: number, pages: number): Promise<Uint8Array> {
    const firstPage = (await this.segments()).findLast((first) => first <= page) ?? 0;
    return await this.#read(firstPage, page, pages);
  }

  async #read(firstPage: number, page: number, pages: number): Promise<Uint8Array> {
    const range = { offset: (page - firstPage) * PAGE_BYTES, length: pages * PAGE_BYTES };
    const answer = await this.pages.readRange(segmentRef(this.stream, firstPage), range);
    if (answer.status !== 'read') throw new Error('not_modified without a condition');
    return answer.bytes;
  }
}

function isWhole(bytes: Uint8Array): boolean {
  try {
    decodeCommit(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The code `promise` fails with, or the words for that it did not. */
export async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

/** A batch of text messages. */
export function batchOf(values: string | readonly string[], producer?: ProducerIdentity): Uint8Array {
  const list = typeof values === 'string' ? [values] : values;
  const messages = list.map((value) => ({ value: Buffer.from(value), kind: 'text' as const, headers: [] }));
  return encodeBatch({ messages, producer });
}

/** A batch of one message of about `bytes` bytes that begins with `label`. */
export function largeBatch(label: string, bytes: number, producer?: ProducerIdentity): Uint8Array {
  return batchOf(label.padEnd(bytes, '.'), producer);
}

export const producerA = '11111111-1111-4111-8111-111111111111';
export const producerB = '22222222-2222-4222-8222-222222222222';

export function by(id: string, sequence: number, epoch = 0): ProducerIdentity {
  return { id, epoch, sequence };
}

/** A plan that lets the `nth` (from 0) call of an operation have a fault, and every other call through. */
export function onCall(operation: string, nth: number, fault: ReturnType<FaultPlan>): FaultPlan {
  let seen = 0;
  return (call) => (call.operation === `pages.${operation}` && seen++ === nth ? fault : undefined);
}
