import { decodeBatch, decodeBatchHeader } from '@message-vault/framing';
import { deadLetterOf, type NameDocument } from '@message-vault/metadata';
import type { Storage } from '@message-vault/storage';
import type { History } from '../workload/history.ts';
import { type Named, nameIn } from '../workload/messages.ts';

/** Where dead letters lie in storage, watched from below: what gets there, and whether there is anything. */
export class Graves {
  readonly #raw: Storage;
  readonly #history: History;
  /** By storage queue: whose dead letters it holds. */
  readonly #owners = new Map<string, string>();

  constructor(raw: Storage, history: History) {
    this.#raw = raw;
    this.#history = history;
  }

  watch(document: NameDocument | undefined): void {
    if (document?.role !== 'queue' && document?.role !== 'router') return;
    this.#owners.set(deadLetterOf(document).queue, document.name);
  }

  queued(queue: string, body: Uint8Array): void {
    const of = this.#owners.get(queue);
    const named = of === undefined ? undefined : namedIn(body);
    if (of !== undefined && named !== undefined) this.#history.add({ kind: 'buried', of, ...named });
  }

  /** Hidden ones count, too: somebody who died had them in hand. */
  async areEmpty(): Promise<boolean> {
    for (const queue of this.#owners.keys()) {
      const { approximateCount } = await this.#raw.queues.properties(queue);
      if (approximateCount > 0) return false;
    }
    return true;
  }
}

const BATCH_MAGIC = 'MVB1';

/** Of the message that a storage queue's message holds as a batch of one. */
function namedIn(body: Uint8Array): Named | undefined {
  const at = Buffer.from(body.buffer, body.byteOffset, body.byteLength).indexOf(BATCH_MAGIC, 'latin1');
  if (at < 0) return undefined;
  const { byteLength } = decodeBatchHeader(body, at);
  const [message] = decodeBatch(body.subarray(at, at + byteLength)).messages;
  return message && nameIn(message.value);
}
