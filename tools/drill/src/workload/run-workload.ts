import type { Storage } from '@message-vault/storage';

/** What a run needs to finish: where everything can be read once more. */
export interface FinishOptions {
  /** The storage itself, where it can be reached. */
  readonly storage: Storage | undefined;
  /** Nodes each of which is to give the same; none while the cluster is down. */
  readonly nodes: readonly { readonly url: string; readonly nodeId: string }[];
}

/** Everybody who uses the cluster while a run lasts. */
export interface RunWorkload {
  /** Resolves when everything flows: when everybody has had so many acknowledgements, or messages. */
  start(acks: number): Promise<void>;
  /** Brings all that is under way to its end, and looks at everything once more. */
  finish(options: FinishOptions): Promise<void>;
  /** Ends everything now. */
  close(): Promise<void>;
}
