/** One term of leadership, as the log sees it. A new term is a new object with a higher epoch. */
export interface Leadership {
  /** Carried by every write of this term. */
  readonly epoch: number;
  /**
   * False once the lease's deadline on the monotonic clock has passed or leadership was lost, and from then on. Asked right
   * before every write and every acknowledgement, so that a process that was paused wakes up silent.
   */
  isLeading(): boolean;
  /**
   * Told by the log when storage proves that another leader has taken over, or when the writer broke. Never comes back.
   * `newerEpoch`: the one that was found in force, where it is known. If nobody leads under it, the storage was rolled back.
   */
  lost(reason: string, newerEpoch?: number): void;
}
