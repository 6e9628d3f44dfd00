import type { ReaderLease } from '@message-vault/http';
import { ChunkCache, openReader, type StreamReader } from '@message-vault/log';
import type { Limits, StreamDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import type { PageStore } from '@message-vault/storage';
import type { Wakeup } from '@message-vault/wakeup';

export interface ReadersOptions {
  readonly pages: PageStore;
  readonly runtime: Runtime;
  readonly wakeup: Wakeup;
  readonly limits: Limits['read'];
}

/** Streams whose readers are kept at once: the one used longest ago, and not now, makes room. */
const MAX_READERS = 10_000;

interface OpenReader {
  readonly reader: StreamReader;
  readonly unsubscribe: () => void;
  users: number;
}

/** One reader per stream, shared by all consumers of this node, over one cache. */
export class Readers {
  readonly #options: ReadersOptions;
  readonly #cache: ChunkCache;
  readonly #open = new Map<string, OpenReader>();

  constructor(options: ReadersOptions) {
    this.#options = options;
    this.#cache = new ChunkCache({ maxBytes: options.limits.cacheBytes });
  }

  get cachedBytes(): number {
    return this.#cache.stats.keptBytes;
  }

  /** The stream's reader, kept open until it is released. */
  acquire(document: StreamDocument): ReaderLease {
    const open = this.#open.get(document.streamId) ?? this.#add(document);
    this.#open.delete(document.streamId);
    this.#open.set(document.streamId, open);
    open.users += 1;
    let released = false;
    return {
      reader: open.reader,
      release: () => {
        if (!released) open.users -= 1;
        released = true;
      },
    };
  }

  /** Ends all reads of the stream: it is gone. */
  drop(streamId: string): void {
    const open = this.#open.get(streamId);
    if (open === undefined) return;
    this.#open.delete(streamId);
    close(open);
  }

  close(): void {
    for (const open of this.#open.values()) close(open);
    this.#open.clear();
  }

  #add({ name, streamId, container }: StreamDocument): OpenReader {
    this.#makeRoom();
    const { pages, runtime, wakeup } = this.#options;
    const reader = openReader({ pages, runtime, stream: { name, streamId, container }, cache: this.#cache });
    const unsubscribe = wakeup.subscribe(streamId, (tailPage, commit) => reader.hint(tailPage, commit));
    const open = { reader, unsubscribe, users: 0 };
    this.#open.set(streamId, open);
    return open;
  }

  /** The map is in order of use: the first one nobody uses goes. */
  #makeRoom(): void {
    if (this.#open.size < MAX_READERS) return;
    for (const [streamId, open] of this.#open) {
      if (open.users > 0) continue;
      this.#open.delete(streamId);
      close(open);
      return;
    }
  }
}

function close(open: OpenReader): void {
  open.unsubscribe();
  open.reader.close();
}
