import { MAX_COMMIT_BYTES } from '@message-vault/framing';

const KIB = 1024;
const MIB = 1024 * KIB;

/** How a reader spends storage calls, memory and time. All sizes in bytes. */
export interface ReaderSettings {
  /** One read of a sequential replay. At least the size of the largest commit. */
  readonly chunkBytes: number;
  /** The first read at a place nobody was reading up to: whoever wants ten messages need not wait for `chunkBytes`. */
  readonly firstReadBytes: number;
  /** The smallest read at the tail. */
  readonly tailReadBytes: number;
  /** The most one `read` answers, whatever was asked for. */
  readonly maxReadBytes: number;
  /** Pause between two looks at a tail that has just grown. */
  readonly minPollMs: number;
  /** The longest pause between two looks at an idle tail, as long as no hints come. */
  readonly maxPollMs: number;
  /** The pause is the time since the last growth divided by this. */
  readonly pollDivisor: number;
  /** The pause once hints have announced growth reliably. */
  readonly hintedPollMs: number;
  /**
   * After this long a look at the tail does without its ETag condition, in case an answer of the storage paired older
   * bytes with a newer ETag.
   */
  readonly recheckMs: number;
  /** The longest wait for one storage call. */
  readonly readTimeoutMs: number;
  /** A listing of the segments may be this old when what is earliest is asked for. */
  readonly listingMaxAgeMs: number;
}

export const defaultReaderSettings: ReaderSettings = {
  chunkBytes: MAX_COMMIT_BYTES,
  firstReadBytes: 256 * KIB,
  tailReadBytes: 16 * KIB,
  maxReadBytes: 64 * MIB,
  minPollMs: 8,
  maxPollMs: 500,
  pollDivisor: 50,
  hintedPollMs: 2000,
  recheckMs: 5000,
  readTimeoutMs: 30_000,
  listingMaxAgeMs: 1000,
};
