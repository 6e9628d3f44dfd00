/** What a drill's cluster has beside a master, a slave and a reader on a storage of its own. */
export interface Setup {
  readonly slaves?: number;
  readonly readers?: number;
  /** A proxy between every node and the storage; `http` for faults that look into requests. */
  readonly storageLinks?: 'tcp' | 'http';
  /** The storage itself is stopped and started, or its data exchanged. */
  readonly storageProcess?: true;
  /** A proxy for every pair of nodes and direction. Clients reach the nodes without one. */
  readonly nodeLinks?: true;
  /** Wake-ups through a Redis of its own. */
  readonly redis?: true;
}
