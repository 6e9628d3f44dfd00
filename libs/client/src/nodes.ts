import type { Runtime } from '@message-vault/runtime';
import { usableNodeUrl } from './node-url.ts';

export interface KnownLeader {
  readonly url: string;
  readonly epoch: number;
}

interface Node {
  readonly url: string;
  /** Failures since it last answered. */
  failures: number;
  /** On the monotonic clock, milliseconds: passed over until then. */
  suspectUntil: number;
}

const FIRST_SUSPICION_MS = 250;
const MAX_SUSPICION_MS = 30_000;
/** Nodes named by the cluster that were not configured; more are forgotten. */
const MAX_LEARNED_NODES = 16;

/**
 * What this client knows of the cluster's nodes: the configured ones, those it was told of, which of them leads, and
 * which failed lately. Hearsay about the leader counts only if its epoch is newer: a node left behind names the old one.
 */
export class NodeDirectory {
  readonly #runtime: Runtime;
  readonly #followLeader: boolean;
  readonly #configured: number;
  readonly #nodes: Node[];
  #writeCursor = 0;
  #readCursor: number;
  #leader: KnownLeader | undefined;

  /** `urls`: at least one, checked, no two the same. */
  constructor(options: { runtime: Runtime; urls: readonly string[]; followLeader: boolean }) {
    this.#runtime = options.runtime;
    this.#followLeader = options.followLeader;
    this.#nodes = options.urls.map((url) => ({ url, failures: 0, suspectUntil: 0 }));
    this.#configured = this.#nodes.length;
    // Readers are many and equal: each client starts at another, so that they share the load.
    this.#readCursor = Math.floor(this.#runtime.random() * this.#nodes.length);
  }

  get leader(): KnownLeader | undefined {
    return this.#leader;
  }

  get urls(): readonly string[] {
    return this.#nodes.map((node) => node.url);
  }

  /** Where to publish now: the leader, or while it fails, one of the others, who would pass it on. */
  writeTarget(): string {
    if (this.#followLeader && this.#leader !== undefined && !this.#suspected(this.#leader.url))
      return this.#leader.url;
    return this.#firstTrusted(this.#writeCursor);
  }

  readTarget(): string {
    return this.#firstTrusted(this.#readCursor);
  }

  /** Another node than `url`, a different one with every call; undefined when there is no other. */
  anotherThan(url: string, turn: number): string | undefined {
    const others = this.#nodes.filter((node) => node.url !== url);
    return others[turn % Math.max(1, others.length)]?.url;
  }

  /** It answered, whatever the answer. */
  reached(url: string): void {
    const node = this.#find(url);
    if (node !== undefined) {
      node.failures = 0;
      node.suspectUntil = 0;
    }
  }

  /** No connection, or it broke, or silence. */
  failed(url: string): void {
    const node = this.#find(url);
    if (node !== undefined) {
      const suspicionMs = Math.min(FIRST_SUSPICION_MS * 2 ** node.failures, MAX_SUSPICION_MS);
      node.failures += 1;
      node.suspectUntil = this.#runtime.monotonic() + suspicionMs;
    }
    this.passOver(url);
  }

  /** It answered that it cannot do it now: ask another next. */
  passOver(url: string): void {
    const node = this.#find(url);
    if (node !== undefined && url === this.#leader?.url) {
      // It may lead no longer, and the others may know: for a moment it is not the first to be asked.
      node.suspectUntil = Math.max(node.suspectUntil, this.#runtime.monotonic() + FIRST_SUSPICION_MS);
    }
    if (this.#at(this.#writeCursor).url === url) this.#writeCursor += 1;
    if (this.#at(this.#readCursor).url === url) this.#readCursor += 1;
  }

  /** Takes note of who is said to lead. */
  learnLeader(url: string, epoch: number): void {
    const usable = usableNodeUrl(url);
    if (usable === undefined || !Number.isSafeInteger(epoch)) return;
    const leader = { url: usable, epoch };
    if (this.#leader !== undefined && !this.#isNews(leader, this.#leader)) return;
    this.#leader = leader;
    if (this.#find(leader.url) === undefined) this.#remember(leader.url);
    this.reached(leader.url);
  }

  /** A node may have heard of an epoch before it hears whose it is: then the same epoch is told of with another URL. */
  #isNews(said: KnownLeader, known: KnownLeader): boolean {
    if (said.epoch !== known.epoch) return said.epoch > known.epoch;
    return said.url !== known.url && this.#suspected(known.url);
  }

  #remember(url: string): void {
    if (this.#nodes.length >= this.#configured + MAX_LEARNED_NODES) this.#nodes.splice(this.#configured, 1);
    this.#nodes.push({ url, failures: 0, suspectUntil: 0 });
  }

  #find(url: string): Node | undefined {
    return this.#nodes.find((node) => node.url === url);
  }

  #suspected(url: string): boolean {
    return (this.#find(url)?.suspectUntil ?? 0) > this.#runtime.monotonic();
  }

  #firstTrusted(cursor: number): string {
    for (let step = 0; step < this.#nodes.length; step += 1) {
      const node = this.#at(cursor + step);
      if (node.suspectUntil <= this.#runtime.monotonic()) return node.url;
    }
    return this.#at(cursor).url;
  }

  #at(cursor: number): Node {
    const node = this.#nodes[cursor % this.#nodes.length];
    if (node === undefined) throw new RangeError('a directory of no nodes');
    return node;
  }
}
