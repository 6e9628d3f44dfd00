import type { NodeConfig } from '@message-vault/node';

/** A node as a run begins with it. */
export interface NodeSetup {
  readonly name: string;
  readonly app: NodeConfig['app'];
  readonly url: string;
  readonly peers: readonly string[];
  readonly witnesses: readonly string[];
  readonly limits: Partial<NodeConfig['limits']['writer']>;
  readonly queueLimits?: Partial<NodeConfig['limits']['queue']> | undefined;
  /** How long the storage adapter waits. */
  readonly storageTimeoutMs: number;
  /** Of the machine's clock: 1 is right, 1.01 is 1 % fast. */
  readonly clockRate: number;
}
