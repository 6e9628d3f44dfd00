import { decodeBatch, decodeBatchHeader } from '@message-vault/framing';
import { deadLetterOf, type NameDocument } from '@message-vault/metadata';
import type { MessageReceipt, ReceivedMessage, Storage } from '@message-vault/storage';
import type { QueueWatcher } from '../storage/audit.ts';
import type { History } from '../workload/history.ts';
import { type Named, nameIn } from '../workload/messages.ts';
import type { World } from '../world/world.ts';

/** Queues that matter in storage, watched from below: those with a limit, and dead letters. */
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

  constructor(raw: Storage, { world, history }: { world: World; history: History }) {
    this.#world = world;
    this.#raw = raw;
    this.#history = history;
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
    const named = of === undefined && queue === undefined ? undefined : namedIn(body);
    if (named === undefined) return;
    if (of !== undefined) this.#history.add({ kind: 'buried', of, ...named });
    if (queue === undefined) return;
    const { messageId: copy, timeToLiveMs } = as;
    this.#history.add({ kind: 'put-in', queue, copy, ...named, redrives: redrivesIn(body) });
    // Storage lets go of it by itself then, if it is still there.
    if (timeToLiveMs !== undefined)
      this.#world.after(timeToLiveMs, () => this.#history.add({ kind: 'taken-out', queue, copy }));
  }

  received(storageQueue: string, messages: readonly ReceivedMessage[]): void {
    const queue = this.#limited.get(storageQueue);
    if (queue === undefined) return;
    for (const { messageId: copy } of messages) this.#history.add({ kind: 'fetched', queue, copy });
  }

  deleted(storageQueue: string, { messageId: copy }: MessageReceipt): void {
    const queue = this.#limited.get(storageQueue);
    if (queue !== undefined) this.#history.add({ kind: 'taken-out', queue, copy });
  }

  /** Hidden messages count, too: somebody who died had them in hand. */
  async areEmpty(): Promise<boolean> {
    for (const queue of [...this.#graves.keys(), ...this.#queues]) {
      const { approximateCount } = await this.#raw.queues.properties(queue);
      if (approximateCount > 0) return false;
    }
    return true;
  }
}

const BATCH_MAGIC = 'MVB1';

const REDRIVES_AT = 44;

/** How many times it has come back from the dead letters, as its envelope says. */
export function redrivesIn(body: Uint8Array): number {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).readUInt16LE(REDRIVES_AT);
}

/** Of the message that a storage queue's message holds as a batch of one. */
function namedIn(body: Uint8Array): Named | undefined {
  const at = Buffer.from(body.buffer, body.byteOffset, body.byteLength).indexOf(BATCH_MAGIC, 'latin1');
  if (at < 0) return undefined;
  const { byteLength } = decodeBatchHeader(body, at);
  const [message] = decodeBatch(body.subarray(at, at + byteLength)).messages;
  return message && nameIn(message.value);
}
