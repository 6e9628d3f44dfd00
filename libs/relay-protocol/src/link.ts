/** One end of a connection that carries frames, whole and in order, as the protocol sees it. */
export interface Link {
  /** Never throws; what is sent over a closed link is lost. */
  send(frame: Uint8Array): void;
  /** Resolves when little is waiting to go out, or the link is closed: before that, bodies wait. */
  room(): Promise<void>;
}
