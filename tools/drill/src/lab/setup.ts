/** What a drill's cluster has beside a master, a slave and a reader on an Azurite of its own. */
export interface Setup {
  readonly slaves?: number;
  readonly readers?: number;
  /** A proxy between every node and the storage; `http` for faults that look into requests. */
  readonly storageLinks?: 'tcp' | 'http';
  /** A proxy for every pair of nodes and direction. Clients reach the nodes without one. */
  readonly nodeLinks?: true;
  /** Wake-ups through a Redis of its own. */
  readonly redis?: true;
}
