/**
 * "Stream S has grown to page P", from whoever writes to whoever waits. Only ever a hint: it may come late, twice, out of
 * order, wrong or not at all, and whoever gets one looks at the storage itself. No method throws or waits.
 */
export interface Wakeup {
  /** Tells everybody that the stream `streamId` now ends at the absolute page `tailPage`. */
  announce(streamId: string, tailPage: number): void;
  /** Calls `listener` with every tail page heard of, until the function that is returned is called. */
  subscribe(streamId: string, listener: GrowthListener): () => void;
  readonly stats: WakeupStats;
  /** Lets go of connections and listeners; what is called later does nothing. */
  close(): Promise<void>;
}

export type GrowthListener = (tailPage: number) => void;

export interface WakeupStats {
  /** Whether hints reach other processes at the moment. */
  readonly connected: boolean;
  readonly announced: number;
  /** Announcements handed to the transport; fewer than announced, since those of one stream are joined. */
  readonly sent: number;
  /** Announcements given up: the transport failed, or too many streams were waiting. */
  readonly dropped: number;
  /** Hints from other processes that were taken. */
  readonly received: number;
  /** What arrived and could not be a hint. */
  readonly ignored: number;
}

/** Where a wake-up tells what an operator may want to know; a pino logger fits. */
export interface WakeupLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
