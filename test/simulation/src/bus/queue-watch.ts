import { deadLetterOf, type NameDocument } from '@message-vault/metadata';
import type { MessageReceipt, ReceivedMessage, Storage } from '@message-vault/storage';
import type { QueueWatcher } from '../storage/audit.ts';
import type { History } from '../workload/history.ts';
import type { World } from '../world/world.ts';
import { BodyWatch } from './body-watch.ts';
import { bodyIdIn, namedIn, redrivesIn } from './envelopes.ts';

/** Queues that matter in storage, watched from below: those with a limit, dead letters, and whatever refers to a body. */
export class QueueWatch implements QueueWatcher {
  readonly #world: World;
  readonly #raw: Storage;
  readonly #history: History;
  /** By storage queue: whose dead letters it holds. */
  readonly #graves = new Map<string, string>();
  /** Storage queues consumers take from. */
  readonly #queues = new Set<string>();
  /** By storage queue: the name of one with a limit. */
  readonly #limited = new Map<string, string>();
  /** Entries of these that the history knows. */
  readonly #entries = new Set<string>();
  readonly #bodies: BodyWatch;

  constructor(raw: Storage, { world, history }: { world: World; history: History }) {
    this.#world = world;
    this.#raw = raw;
    this.#history = history;
    this.#bodies = new BodyWatch(history);
  }

  /** Bodies that are stored now. */
  get bodies(): number {
    return this.#bodies.count;
  }

  watch(document: NameDocument | undefined): void {
    if (document?.role !== 'queue' && document?.role !== 'router') return;
    this.#graves.set(deadLetterOf(document).queue, document.name);
    if (document.role === 'queue') this.#queues.add(document.queue);
    if (document.role === 'queue' && document.policy.maxQueueLength !== undefined)
      this.#limited.set(document.queue, document.name);
  }

  sent(storageQueue: string, body: Uint8Array, as: Parameters<QueueWatcher['sent']>[2]): void {
    const of = this.#graves.get(storageQueue);
    const queue = this.#limited.get(storageQueue);
    const { messageId: copy, timeToLiveMs } = as;
    const bodyId = bodyIdIn(body);
    const apart = bodyId === undefined ? undefined : this.#bodies.referred(bodyId, copy);
    const isWatched = of !== undefined || queue !== undefined;
    const named = apart ?? (isWatched ? namedIn(body) : undefined);
    if (of !== undefined && named !== undefined) this.#history.add({ kind: 'buried', of, ...named });
    if (queue !== undefined && named !== undefined) {
      this.#entries.add(copy);
      this.#history.add({ kind: 'put-in', queue, copy, ...named, redrives: redrivesIn(body) });
    }
    // Storage lets go of it by itself then, if it is still there.
    if (timeToLiveMs !== undefined) this.#world.after(timeToLiveMs, () => this.#gone(storageQueue, copy));
  }

  received(storageQueue: string, messages: readonly ReceivedMessage[]): void {
    const queue = this.#limited.get(storageQueue);
    if (queue === undefined) return;
    for (const { messageId: copy } of messages)
      if (this.#entries.has(copy)) this.#history.add({ kind: 'fetched', queue, copy });
  }

  deleted(storageQueue: string, { messageId: copy }: MessageReceipt): void {
    this.#gone(storageQueue, copy);
  }

  bodyStored(id: string, bytes: Uint8Array): void {
    this.#bodies.stored(id, bytes);
  }

  bodyRemoved(id: string): void {
    this.#bodies.removed(id);
  }

  /** Hidden messages count, too: somebody who died had them in hand. */
  async areEmpty(): Promise<boolean> {
    return (await this.leftIn()).length === 0;
  }

  /** Storage queues that still hold something, and how much. */
  async leftIn(): Promise<string[]> {
    const left: string[] = [];
    for (const queue of [...this.#graves.keys(), ...this.#queues]) {
      const { approximateCount } = await this.#raw.queues.properties(queue);
      if (approximateCount > 0) left.push(`${queue} (${approximateCount})`);
    }
    return left;
  }

  #gone(storageQueue: string, copy: string): void {
    this.#bodies.done(copy);
    const queue = this.#limited.get(storageQueue);
    if (queue !== undefined && this.#entries.has(copy)) this.#history.add({ kind: 'taken-out', queue, copy });
  }
}
