import { crc32 } from 'node:zlib';
import {
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  decodeCommit,
  decodeCommitHeader,
  decodeOffset,
  FramingError,
  MAX_COMMIT_BYTES,
  PAGE_BYTES,
} from '@message-vault/framing';
import { LEADER_PATH, parseLeaderDocument } from '@message-vault/metadata';
import type { MessageReceipt, PageStore, ReceivedMessage, SegmentRef, Storage } from '@message-vault/storage';
import type { World } from '../world/world.ts';
import { Claims } from './claims.ts';

/** A commit that stood whole in the storage at some moment: readers may have seen it. */
interface Whole {
  readonly header: CommitHeader;
  readonly crc: number;
  /** Segment it stands in, and its byte there. */
  readonly ref: SegmentRef;
  readonly offset: number;
  acknowledged: boolean;
}

/** What a node tells a producer of its batch. */
export interface Acknowledged {
  readonly firstOffset: number;
  readonly firstSequenceNumber: number;
}

/** Told of what happened to messages of storage queues, and to bodies that are stored apart from them. */
export interface QueueWatcher {
  sent(
    queue: string,
    body: Uint8Array,
    as: MessageReceipt & { readonly timeToLiveMs: number | undefined },
  ): void;
  received(queue: string, messages: readonly ReceivedMessage[]): void;
  deleted(queue: string, receipt: MessageReceipt): void;
  bodyStored(id: string, bytes: Uint8Array): void;
  bodyRemoved(id: string): void;
}

/**
 * The storage of the cluster, watched: every change is judged at the moment it takes effect, below everything a bug
 * (planted or not) could bend. Keeps the conditions exactly as `inner` does; adds no time.
 */
export class AuditedStore {
  readonly storage: Storage;
  readonly #world: World;
  readonly #inner: Storage;
  readonly #claims: Claims;
  /** By container and segment: the highest epoch that has fenced, created or written it. */
  readonly #epochs = new Map<string, number>();
  /** By container, then by page. */
  readonly #commits = new Map<string, Map<number, Whole>>();
  /** By container that retention is at work in: the page before which nothing is left. */
  readonly #shrinking = new Map<string, number>();
  #leaderEpoch = 0;
  queueWatcher: QueueWatcher | undefined;
  /** Every leader document there was, oldest first. */
  readonly leaderBodies: Uint8Array[] = [];
  /** Who has led which epoch, as the documents say. */
  readonly leaders = new Map<number, string>();

  constructor(world: World, inner: Storage) {
    this.#world = world;
    this.#inner = inner;
    this.#claims = new Claims(world);
    this.storage = {
      pages: this.#pages(inner.pages),
      leases: inner.leases,
      documents: {
        ...inner.documents,
        put: async (path, body, condition, options) => {
          const answer = await inner.documents.put(path, body, condition, options);
          if (path === LEADER_PATH) this.#leaderWritten(body);
          else this.#claims.written(path, body);
          return answer;
        },
      },
      queues: {
        ...inner.queues,
        send: async (queue, body, times, options) => {
          const receipt = await inner.queues.send(queue, body, times, options);
          this.queueWatcher?.sent(queue, body, { ...receipt, timeToLiveMs: times?.timeToLiveMs });
          return receipt;
        },
        receive: async (queue, how, options) => {
          const messages = await inner.queues.receive(queue, how, options);
          this.queueWatcher?.received(queue, messages);
          return messages;
        },
        delete: async (queue, receipt, options) => {
          await inner.queues.delete(queue, receipt, options);
          this.queueWatcher?.deleted(queue, receipt);
        },
      },
      bodies: {
        ...inner.bodies,
        put: async (container, id, bytes, options) => {
          await inner.bodies.put(container, id, bytes, options);
          this.queueWatcher?.bodyStored(id, bytes);
        },
        delete: async (container, id, options) => {
          await inner.bodies.delete(container, id, options);
          this.queueWatcher?.bodyRemoved(id);
        },
      },
      grants: undefined,
      close: async () => {},
    };
  }

  get commitsSeen(): number {
    let count = 0;
    for (const commits of this.#commits.values()) count += commits.size;
    return count;
  }

  /** Retention may take the oldest segments of this container. */
  mayShrink(container: string): void {
    this.#shrinking.set(container, 0);
  }

  /** A node has told a producer that its batch is stored. It has to be, by now and for ever. */
  acknowledged(container: string, { firstOffset, firstSequenceNumber }: Acknowledged): void {
    const { page, index } = decodeOffset(firstOffset);
    const whole = this.#commits.get(container)?.get(page);
    // A repeat of what has gone meanwhile.
    if (page < (this.#shrinking.get(container) ?? 0)) return;
    if (whole === undefined) {
      this.#world.broken('I1', `offset ${firstOffset} was acknowledged and no commit stands at page ${page}`);
      return;
    }
    whole.acknowledged = true;
    const { header } = whole;
    if (index >= header.messageCount || header.firstSequenceNumber + index !== firstSequenceNumber) {
      this.#world.broken(
        'I2',
        `offset ${firstOffset}, number ${firstSequenceNumber}, was acknowledged and is not so stored`,
      );
    }
  }

  #pages(pages: PageStore): PageStore {
    return {
      ...pages,
      createSegment: async (ref, init) => {
        const answer = await pages.createSegment(ref, init);
        this.#raiseEpoch(ref, init.epoch);
        return answer;
      },
      fence: async (ref, epoch) => {
        const answer = await pages.fence(ref, epoch);
        this.#raiseEpoch(ref, answer.epoch);
        return answer;
      },
      writePages: async (ref, offset, bytes, conditions) => {
        const answer = await pages.writePages(ref, offset, bytes, conditions);
        await this.#written(ref, offset, bytes);
        return answer;
      },
      clearPages: async (ref, range, conditions) => {
        const answer = await pages.clearPages(ref, range, conditions);
        await this.#touched(ref, range.offset, range.length, 'cleared');
        return answer;
      },
      deleteContainer: async (container) => {
        await pages.deleteContainer(container);
        if (this.#commits.has(container))
          this.#world.broken('I1', `container ${container} was deleted with the commits in it`);
      },
      deleteSegment: async (ref) => {
        await pages.deleteSegment(ref);
        await this.#segmentDeleted(ref);
      },
    };
  }

  async #segmentDeleted({ container, segment }: SegmentRef): Promise<void> {
    const left = await this.#inner.pages.listSegments(container);
    const commits = [...(this.#commits.get(container)?.values() ?? [])];
    const gone = commits.filter((whole) => whole.ref.segment === segment);
    const next = left.find((other) => other > segment);
    const before = this.#shrinking.get(container);
    // What is left from before that is empty: a late request made it again.
    const isOldest = !left.some((other) => other < segment && Number(other) >= (before ?? 0));
    if (before === undefined)
      this.#world.broken('I1', `segment ${segment} was deleted, and all is to be kept`);
    else if (next === undefined || !isOldest)
      this.#world.broken(
        'I1',
        `segment ${segment} was deleted, and it was not the oldest or it was the last`,
      );
    else this.#shrinking.set(container, Math.max(before, Number(next)));
    for (const { header } of gone) this.#commits.get(container)?.delete(header.page);
  }

  #raiseEpoch(ref: SegmentRef, epoch: number): void {
    const key = keyOf(ref);
    this.#epochs.set(key, Math.max(this.#epochs.get(key) ?? 0, epoch));
  }

  async #written(ref: SegmentRef, offset: number, bytes: Uint8Array): Promise<void> {
    const header = headerIn(bytes);
    if (header !== undefined) this.#checkEpoch(ref, header);
    if (Number(ref.segment) < (this.#shrinking.get(ref.container) ?? 0))
      this.#world.broken('I3', `segment ${ref.segment} was written to again after it had been deleted`);
    await this.#touched(ref, offset, bytes.length, 'written over');
    await this.#lookForWhole(ref, offset);
  }

  /** I4, by what the bytes say of who wrote them. */
  #checkEpoch(ref: SegmentRef, header: CommitHeader): void {
    const newest = this.#epochs.get(keyOf(ref)) ?? 0;
    if (header.epoch < newest) {
      this.#world.broken(
        'I4',
        `a commit of epoch ${header.epoch} landed at page ${header.page} of ${ref.segment}, which epoch ${newest} has fenced`,
      );
    }
    this.#raiseEpoch(ref, header.epoch);
  }

  /** I7, and I3 for what nobody was told of but anybody may have read. */
  async #touched(ref: SegmentRef, offset: number, length: number, what: string): Promise<void> {
    for (const whole of this.#commits.get(ref.container)?.values() ?? []) {
      if (whole.ref.segment !== ref.segment) continue;
      if (whole.offset >= offset + length || whole.offset + whole.header.byteLength <= offset) continue;
      const { page, epoch } = whole.header;
      if (whole.acknowledged) {
        this.#world.broken('I7', `the acknowledged commit at page ${page}, of epoch ${epoch}, was ${what}`);
      } else if ((await this.#crcNow(whole)) !== whole.crc) {
        this.#world.broken(
          'I3',
          `the commit at page ${page}, of epoch ${epoch}, could be read and was then ${what}`,
        );
      }
    }
  }

  async #lookForWhole(ref: SegmentRef, offset: number): Promise<void> {
    const start = await this.#commitAround(ref, offset);
    if (start === undefined) return;
    const { header, bytes, at } = start;
    const commits = this.#commits.get(ref.container) ?? new Map<number, Whole>();
    this.#commits.set(ref.container, commits);
    const known = commits.get(header.page);
    const crc = crc32(bytes.subarray(0, header.byteLength));
    if (known?.crc === crc) return;
    commits.set(header.page, { header, crc, ref, offset: at, acknowledged: known?.acknowledged ?? false });
  }

  /** The whole commit that a write at `offset` has become part of; a part may lie behind the commit's header. */
  async #commitAround(
    ref: SegmentRef,
    offset: number,
  ): Promise<{ header: CommitHeader; bytes: Uint8Array; at: number } | undefined> {
    const from = Math.max(0, offset - MAX_PAGES_BACK * PAGE_BYTES);
    const before = await this.#read(ref, from, offset - from + COMMIT_HEADER_BYTES);
    for (let at = offset; at >= from; at -= PAGE_BYTES) {
      const header = headerIn(before.subarray(at - from));
      if (header === undefined) continue;
      const whole = await this.#read(ref, at, header.byteLength);
      try {
        decodeCommit(whole, 0, { page: header.page });
        return { header, bytes: whole, at };
      } catch (error) {
        if (error instanceof FramingError) return undefined;
        throw error;
      }
    }
    return undefined;
  }

  async #crcNow(whole: Whole): Promise<number> {
    return crc32(await this.#read(whole.ref, whole.offset, whole.header.byteLength));
  }

  async #read(ref: SegmentRef, offset: number, length: number): Promise<Uint8Array> {
    const answer = await this.#inner.pages.readRange(ref, {
      offset,
      length: Math.min(length, MAX_COMMIT_BYTES),
    });
    return answer.status === 'read' ? answer.bytes : new Uint8Array();
  }

  #leaderWritten(body: Uint8Array): void {
    const { epoch, nodeId } = parseLeaderDocument(body);
    const known = this.leaders.get(epoch);
    if (epoch < this.#leaderEpoch || (known !== undefined && known !== nodeId)) {
      this.#world.broken(
        'I8',
        `the leader document went from epoch ${this.#leaderEpoch} to ${epoch} of ${nodeId}`,
      );
    }
    this.#leaderEpoch = Math.max(this.#leaderEpoch, epoch);
    this.leaders.set(epoch, nodeId);
    this.leaderBodies.push(body);
    this.#world.note('storage', `epoch ${epoch} is ${nodeId}'s`);
  }
}

/** Commits of a simulation are small: a few messages, and few of those are large. */
const MAX_PAGES_BACK = 512;

function keyOf({ container, segment }: SegmentRef): string {
  return `${container}/${segment}`;
}

const MAGIC = Buffer.from('MVC1');

function headerIn(bytes: Uint8Array): CommitHeader | undefined {
  // Most of what is looked at is no commit, and making an error of that takes long.
  if (MAGIC.compare(bytes, 0, MAGIC.length) !== 0) return undefined;
  try {
    return decodeCommitHeader(bytes);
  } catch (error) {
    if (error instanceof FramingError) return undefined;
    throw error;
  }
}
