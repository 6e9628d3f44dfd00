import {
  BATCH_HEADER_BYTES,
  type BatchCodec,
  MAX_BATCH_BYTES,
  MAX_BATCH_MESSAGES,
} from '@message-vault/framing';
import type { Runtime } from '@message-vault/runtime';
import type { PageStore } from '@message-vault/storage';
import {
  checkedFlag,
  checkedHeaders,
  checkedProducer,
  checkedUrls,
  checkFunction,
  type FixedProducer,
  oneOf,
  wholeNumber,
} from './checks.ts';
import type { RetryNotice } from './exchange.ts';
import type { Transport } from './transport.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

export interface ClientOptions {
  /** URLs of nodes, any of them, as `http://HOST:PORT`: the client finds the leader and the others by itself. */
  readonly urls: readonly string[];
  /** Compression of published batches. Default `none`. */
  readonly codec?: BatchCodec | undefined;
  /** How long a batch waits for company. Default 0: it does not, but what comes while one is under way goes together. */
  readonly lingerMs?: number | undefined;
  /** The most an ordinary batch has before compression. Default 1 MiB − 1 KiB: four of them fit one commit. */
  readonly maxBatchBytes?: number | undefined;
  /** Default and most 16,384. */
  readonly maxBatchMessages?: number | undefined;
  /** Batches of one stream on their way at once, 1 to 5 (a leader remembers the last 5 of a producer). Default 4. */
  readonly maxInFlight?: number | undefined;
  /** Connections for publishing to one node; streams are spread over them. Default 4. */
  readonly publishConnections?: number | undefined;
  /** Messages given to publish and not yet ended, all streams together. Default 64 MiB. */
  readonly maxBufferBytes?: number | undefined;
  /** What a publish does when the buffer is full: wait for room, or fail with `buffer_full`. Default `wait`. */
  readonly whenBufferFull?: 'wait' | 'reject' | undefined;
  /** How long a publish is tried before it fails with what is known. Default 30 s. */
  readonly deliveryTimeoutMs?: number | undefined;
  /** How long one node may keep silent while its answer is due. Default 10 s. */
  readonly attemptTimeoutMs?: number | undefined;
  /** A publish unanswered for this long makes the client ask the other nodes who leads. Default 300 ms. */
  readonly stallAfterMs?: number | undefined;
  /** How long reads and questions are tried while no node answers. Default 30 s. */
  readonly giveUpAfterMs?: number | undefined;
  /** Pause before the first repeat; doubles up to `backoffMaxMs`, with jitter. Default 25 ms. */
  readonly backoffInitialMs?: number | undefined;
  /** Default 150 ms: a failover takes about a second, and the client should notice its end soon. */
  readonly backoffMaxMs?: number | undefined;
  /** Publish straight to the leader once it is known. Default true; false where only the given URLs can be reached. */
  readonly followLeader?: boolean | undefined;
  /**
   * A fixed identity: a UUID and an epoch from 0 to 65,535; take a higher one with every start. On the wire it is
   * epoch × 65,536 plus the epochs the client begins by itself; when those run out, publishing fails with
   * `producer_fenced`. Default: a new id per client.
   */
  readonly producer?: FixedProducer | undefined;
  /** Sent with every request, `authorization` for one. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Told of everything that has to be tried again. What it throws is passed over. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Time and randomness. Default: those of the process. */
  readonly runtime?: Runtime | undefined;
  /** The network. Default: undici. */
  readonly transport?: Transport | undefined;
  /** Opens a container's pages from its SAS URL, for direct reads. Default: Azure. */
  readonly openPages?: ((containerSasUrl: string) => PageStore) | undefined;
}

/** The same, checked, with all defaults. */
export interface ResolvedOptions {
  readonly urls: readonly string[];
  readonly followLeader: boolean;
  readonly producer: FixedProducer | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly codec: BatchCodec;
  readonly lingerMs: number;
  readonly maxBatchBytes: number;
  readonly maxBatchMessages: number;
  readonly maxInFlight: number;
  readonly publishConnections: number;
  readonly maxBufferBytes: number;
  readonly whenBufferFull: 'wait' | 'reject';
  readonly deliveryTimeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly stallAfterMs: number;
  readonly giveUpAfterMs: number;
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
}

const numbers = {
  lingerMs: { fallback: 0, min: 0, max: 60_000 },
  maxBatchBytes: { fallback: MIB - KIB, min: KIB, max: MAX_BATCH_BYTES },
  maxBatchMessages: { fallback: MAX_BATCH_MESSAGES, min: 1, max: MAX_BATCH_MESSAGES },
  maxInFlight: { fallback: 4, min: 1, max: 5 },
  publishConnections: { fallback: 4, min: 1, max: 64 },
  maxBufferBytes: { fallback: 64 * MIB, min: BATCH_HEADER_BYTES, max: Number.MAX_SAFE_INTEGER },
  deliveryTimeoutMs: { fallback: 30_000, min: 1, max: 86_400_000 },
  attemptTimeoutMs: { fallback: 10_000, min: 1, max: 86_400_000 },
  stallAfterMs: { fallback: 300, min: 10, max: 86_400_000 },
  giveUpAfterMs: { fallback: 30_000, min: 0, max: 86_400_000 },
  backoffInitialMs: { fallback: 25, min: 1, max: 60_000 },
  backoffMaxMs: { fallback: 150, min: 1, max: 600_000 },
} as const;

/** Error: `invalid_argument`, naming the option. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const pick = (name: keyof typeof numbers): number => {
    const { fallback, min, max } = numbers[name];
    return wholeNumber(name, options[name] ?? fallback, min, max);
  };
  checkFunction('onRetry', options.onRetry);
  checkFunction('openPages', options.openPages);
  return {
    urls: checkedUrls(options.urls),
    followLeader: checkedFlag('followLeader', options.followLeader, true),
    producer: checkedProducer(options.producer),
    headers: checkedHeaders(options.headers),
    codec: oneOf('codec', options.codec, ['none', 'zstd']),
    whenBufferFull: oneOf('whenBufferFull', options.whenBufferFull, ['wait', 'reject']),
    lingerMs: pick('lingerMs'),
    maxBatchBytes: pick('maxBatchBytes'),
    maxBatchMessages: pick('maxBatchMessages'),
    maxInFlight: pick('maxInFlight'),
    publishConnections: pick('publishConnections'),
    maxBufferBytes: pick('maxBufferBytes'),
    deliveryTimeoutMs: pick('deliveryTimeoutMs'),
    attemptTimeoutMs: pick('attemptTimeoutMs'),
    stallAfterMs: pick('stallAfterMs'),
    giveUpAfterMs: pick('giveUpAfterMs'),
    backoffInitialMs: pick('backoffInitialMs'),
    backoffMaxMs: pick('backoffMaxMs'),
  };
}
