import type { LeaderDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';

export interface MisdirectionOptions {
  readonly nodeId: string;
  readonly runtime: Runtime;
  /** Of the leader's lease. */
  readonly leaseMs: number;
}

/**
 * Whether the leader's URL leads to this node because two nodes were given one URL, and not because this node led before it was
 * started again. In another node's name that is certain at once. In its own name it is what every restart finds: within a lease
 * the old one has been broken or has run out and somebody leads, so only what is still there after two of them is a mistake.
 */
export class Misdirection {
  readonly #options: MisdirectionOptions;
  #since: number | undefined;

  constructor(options: MisdirectionOptions) {
    this.#options = options;
  }

  /** `leader`: whose URL leads to this node; undefined when it does not. True when that is a mistake. */
  isMistake(leader: LeaderDocument | undefined): boolean {
    const { nodeId, runtime, leaseMs } = this.#options;
    if (leader === undefined) {
      this.forget();
      return false;
    }
    this.#since ??= runtime.monotonic();
    return leader.nodeId !== nodeId || runtime.monotonic() - this.#since >= 2 * leaseMs;
  }

  /** This node leads now, or ends: what was seen until now tells nothing of later. */
  forget(): void {
    this.#since = undefined;
  }
}
