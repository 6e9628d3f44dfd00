import type { LandedCommit } from '@message-vault/log';
/**
 * "Stream S has grown to page P", from whoever writes to whoever waits. Only ever a hint: it may come late, twice, out of
 * order, wrong or not at all, and whoever gets one looks at the storage itself. No method throws or waits.
 *
 * The commit that made it grow may come along, and saves that look. It may be missing, late or come twice like any hint,
 * but it is never wrong: only a process of this cluster can have sent it, and it does so once the commit is stored.
 */
export interface Wakeup {
  /**
   * Tells everybody that the stream `streamId` now ends at the absolute page `tailPage`. `commit`: the one stored last,
   * up to there; its bytes are not used any more once this returns. A small one goes along when nothing else is on its way.
   */
  announce(streamId: string, tailPage: number, commit?: LandedCommit): void;
  /** Calls `listener` with every tail page heard of, until the function that is returned is called. */
  subscribe(streamId: string, listener: GrowthListener): () => void;
  readonly stats: WakeupStats;
  /** Lets go of connections and listeners; what is called later does nothing. */
  close(): Promise<void>;
}

/** `commit`: the last one before `tailPage`; its bytes are good until the listener returns. */
export type GrowthListener = (tailPage: number, commit?: LandedCommit) => void;

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
