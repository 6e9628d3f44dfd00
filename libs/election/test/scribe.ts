import type { Leadership } from '@message-vault/log';
import type { Runtime } from '@message-vault/runtime';
import { isStorageError, type PageStore } from '@message-vault/storage';
import type { StorageSightings } from '../src/index.ts';
import type { StorageLink } from './link.ts';
import type { NodeRuntime } from './node-runtime.ts';

const segment = { container: 'scribe', segment: 'pages' };
const WRITE_EVERY_MS = 20;
const WRITE_TIMEOUT_MS = 5000;

/** Stands for the log: fences a segment and then writes a page to it, over and over, as long as its node leads. */
export class Scribe {
  /** Writes that were acknowledged: by whom is known, when, and under which epoch. */
  readonly acknowledged: { at: number; epoch: number }[] = [];
  readonly sightings: StorageSightings & { lastSilenceAt: number; oldestPendingAt?: number | undefined };
  readonly #runtime: NodeRuntime;
  readonly #base: Runtime;
  readonly #link: StorageLink;
  readonly #pages: PageStore;

  constructor(runtime: NodeRuntime, base: Runtime, link: StorageLink, pages: PageStore) {
    this.#runtime = runtime;
    this.#base = base;
    this.#link = link;
    this.#pages = pages;
    this.sightings = { lastSilenceAt: Number.NEGATIVE_INFINITY, oldestPendingAt: undefined };
  }

  lead(leadership: Leadership): void {
    void this.#write(leadership);
  }

  async #write(leadership: Leadership): Promise<void> {
    let etag: string | undefined;
    while (leadership.isLeading()) {
      this.sightings.oldestPendingAt = this.#base.monotonic();
      const wrote = await this.#once(leadership.epoch, etag);
      this.sightings.oldestPendingAt = undefined;
      if (wrote === 'fenced') leadership.lost('the storage has seen a newer epoch');
      else if (wrote === 'silence') this.sightings.lastSilenceAt = this.#base.monotonic();
      else {
        // The write that was under way when the fence came carries an old ETag.
        if (etag !== undefined && leadership.isLeading()) {
          this.acknowledged.push({ at: this.#base.monotonic(), epoch: leadership.epoch });
        }
        etag = wrote.etag;
      }
      await this.#pause(WRITE_EVERY_MS);
    }
  }

  /** Fences first, then writes. */
  async #once(epoch: number, etag: string | undefined): Promise<{ etag: string } | 'fenced' | 'silence'> {
    const fate = this.#link.fate('writePages', segment.segment);
    await this.#pause(1);
    if (fate === 'refuse') return 'silence';
    if (fate !== 'pass') {
      await this.#pause(WRITE_TIMEOUT_MS);
      return 'silence';
    }
    try {
      if (etag === undefined) return await this.#fence(epoch);
      return await this.#pages.writePages(segment, 0, new Uint8Array(512), { epoch, etag });
    } catch (error) {
      if (isStorageError(error, 'epoch_fenced', 'etag_mismatch')) return 'fenced';
      throw error;
    }
  }

  async #fence(epoch: number): Promise<{ etag: string } | 'fenced'> {
    await this.#pages.createContainer(segment.container);
    await this.#pages.createSegment(segment, { sizeBytes: 512, epoch }).catch(() => {});
    const fenced = await this.#pages.fence(segment, epoch);
    return fenced.epoch === epoch ? fenced : 'fenced';
  }

  #pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#runtime.setTimer(durationMs, resolve);
    });
  }
}
