import { z } from 'zod';

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

const bytes = () => z.int().positive();
const count = () => z.int().positive();
const ms = () => z.int().positive();

/** What the HTTP interface takes in, and for how long it waits. */
const httpLimits = z.strictObject({
  /** Request line and headers together; above it 431. */
  maxHeaderBytes: bytes().default(8 * KIB),
  /** Body of one request, bytes as they arrive; above it 413. JSON and base64 are longer than the batch made of them. */
  maxBodyBytes: bytes().default(8 * MIB),
  /** Bytes of request bodies held at once by all requests together; above it 503. */
  maxBodyBytesInFlight: bytes().default(256 * MIB),
  /** Longest pause between two pieces of a body; after it 408. */
  bodyTimeoutMs: ms().default(10 * SECOND_MS),
  /** Longest time from the first to the last byte of a body; after it 408. */
  bodyTotalTimeoutMs: ms().default(2 * MINUTE_MS),
  /** Of a body that nobody reads (any more), so many bytes are taken and thrown away once the answer is complete. */
  maxUnreadBodyBytes: bytes().default(32 * MIB),
  /** And for so long; then its connection is closed. */
  unreadBodyTimeoutMs: ms().default(2 * SECOND_MS),
  /** Longest time for the headers of a request to arrive; after it 408. */
  headersTimeoutMs: ms().default(10 * SECOND_MS),
  /** A connection without a request is closed after this. */
  keepAliveTimeoutMs: ms().default(65 * SECOND_MS),
  /** Connections open at once; further ones are not accepted. */
  maxConnections: count().default(20_000),
  /** A consumer that takes nothing for this long while an answer is waiting for it is cut off. */
  stalledConsumerMs: ms().default(60 * SECOND_MS),
});

/** What one read may ask for. */
const readLimits = z.strictObject({
  /** Messages in one answer to a request that gives neither a number of messages nor of bytes, and at most. */
  defaultMessages: count().default(1000),
  maxMessages: count().default(1_000_000),
  /** Bytes in one answer, likewise. The first message, or commit, is given whatever its size. */
  defaultBytes: bytes().default(4 * MIB),
  maxBytes: bytes().default(32 * MIB),
  /** Stored bytes fetched in one step of a longer answer: what one running read holds. */
  stepBytes: bytes().default(4 * MIB),
  /**
   * Commits held at once by all running reads of a node together, bytes; above it reads wait for their turn. What a
   * read that waits for its client has rendered already (256 KiB at most, or a message) comes on top.
   */
  maxBytesInFlight: bytes().default(64 * MIB),
  /** Longest long-poll, seconds. */
  maxWaitSeconds: count().default(60),
  /** Names in one page of a listing. */
  defaultNames: count().default(100),
  maxNames: count().default(1000),
  /** Commits kept by the cache all streams of a node share, bytes. */
  cacheBytes: bytes().default(32 * MIB),
  /** How long an access grant is valid. */
  grantMs: ms().default(60 * MINUTE_MS),
});

/** Consumers that chase the tail by server-sent events. */
const sseLimits = z.strictObject({
  /** Consumers of one node at once; above it 503. */
  maxConsumers: count().default(10_000),
  /** Rendered bytes waiting for one consumer; a slower one is served from storage again until it caught up. */
  maxBufferedBytes: bytes().default(256 * KIB),
  /** A comment is sent after this long without an event, so that nothing in between cuts the connection. */
  heartbeatMs: ms().default(15 * SECOND_MS),
});

/** The writer of one stream. */
const writerLimits = z.strictObject({
  /** Batches waiting for their commit; above it 503 with Retry-After. */
  maxQueueBytes: bytes().default(64 * MIB),
  maxQueueBatches: count().default(4096),
  /** Every so many commits carry the whole dedupe window. A power of 8, so that a skip pointer leads to them. */
  checkpointEvery: z
    .int()
    .refine((value) => [8, 64, 512].includes(value), 'expected 8, 64 or 512')
    .default(64),
  /** Producers remembered per stream. */
  maxProducers: count().default(1024),
  /** A producer that published nothing for this long may be forgotten. */
  producerIdleMs: ms().default(15 * MINUTE_MS),
  /** Longest wait for the answer to one Put Page; after it the outcome is unknown. */
  writeTimeoutMs: ms().default(10 * SECOND_MS),
  /** How long an unknown outcome is looked into before the publishers are told so. */
  resolveForMs: ms().default(30 * SECOND_MS),
  /** A stream that was not published to for this long is closed until its next publish. */
  idleCloseMs: ms().default(10 * MINUTE_MS),
  /** Streams open for writing at once on a leader. */
  maxOpenStreams: count().default(10_000),
});

/** Queues: enqueuing, consumers that wait, locks. */
const queueLimits = z.strictObject({
  /** Messages in one enqueuing request; above it 413. Each is a message of its own in storage. */
  maxBatchMessages: count().default(1000),
  /** Messages of one request on their way to storage at once. */
  sendParallel: count().default(16),
  /** How long a message the storage refuses for load is sent again before the request fails. */
  sendForMs: ms().default(10 * SECOND_MS),
  /** Longest delay before a message is seen for the first time, or again. Azure hides a message for seven days at most. */
  maxDelayMs: ms().default(7 * 24 * 60 * MINUTE_MS),
  /** Longest wait for a message, seconds. */
  maxWaitSeconds: count().default(60),
  /** Requests that wait for a message at once, on one node; above it 503. */
  maxWaiters: count().default(10_000),
  /** Queues that somebody of this node waits at, at once; above it 503. */
  maxPolledQueues: count().default(2000),
  /** Pauses between two looks into an empty queue when nothing wakes the node: from the first to the longest. */
  pollFromMs: ms().default(25),
  pollUpToMs: ms().default(SECOND_MS),
  /** Bodies from the body store held at once for consumers, bytes; above it they wait for their turn. */
  maxBodyBytesInFlight: bytes().default(64 * MIB),
  /** Messages under lock that a node remembers, so that it can dead-letter them at a word, bytes. */
  rememberedBytes: bytes().default(32 * MIB),
  /** How old a count of messages may be when a limit is applied. */
  countMaxAgeMs: ms().default(SECOND_MS),
  /** Messages moved by one redrive at most. */
  maxRedrive: count().default(10_000),
  /** Messages shown by one peek at most. Azure gives 32. */
  maxPeek: z.int().min(1).max(32).default(32),
  /** A body nothing refers to is removed when it is older than this. */
  orphanAgeMs: ms().default(60 * MINUTE_MS),
});

/** WebSockets, whatever they carry. */
const webSocketLimits = z.strictObject({
  /** Open at once on a node, those passed on to the leader included; above it 503. */
  maxConnections: count().default(5000),
  /** Bytes waiting to go out on one connection before whoever sends has to wait. */
  maxBufferedBytes: bytes().default(MIB),
  /** How often the other end is asked whether it is there. */
  heartbeatMs: ms().default(10 * SECOND_MS),
  /** A connection over which nothing came, and nothing of what waits went out, for this long is cut. */
  silentMs: ms().default(30 * SECOND_MS),
  /** Longest time for a handshake with the leader, and for the other end to answer a close. */
  handshakeMs: ms().default(5 * SECOND_MS),
});

/** The relay: connection points and those who serve them. */
const relayLimits = z.strictObject({
  /** Listeners connected at once, all names together; above it 503. */
  maxListeners: count().default(1000),
  maxListenersPerName: count().default(64),
  /** Requests under way at once, all names together; above it 503. Each may hold 256 KiB of its answer. */
  maxRequests: count().default(1024),
  maxRequestsPerListener: count().default(256),
  /** Body of one relayed request, bytes; above it 413. It is passed on as it comes and never held whole. */
  maxBodyBytes: bytes().default(1024 * MIB),
  /** Longest time a listener may leave a request without a sign; after it 504. */
  answerTimeoutMs: ms().default(60 * SECOND_MS),
  /** For so long after a node began to lead, requests wait for listeners to come back before they get 503. */
  settleMs: ms().default(3 * SECOND_MS),
  /** Longest time requests under way get to finish when their node leads no more. */
  drainMs: ms().default(10 * SECOND_MS),
});

/** Connected listeners of routers, by WebSocket or server-sent events. */
const listenerLimits = z.strictObject({
  /** Connected at once to the leader; above it 503. */
  maxListeners: count().default(5000),
  /** Messages given to one WebSocket listener and not acknowledged yet: their number and bytes. One is given whatever its size. */
  maxUnacknowledged: count().default(256),
  maxUnacknowledgedBytes: bytes().default(4 * MIB),
  /** A message on its way to the socket of an event stream that takes nothing for this long: the listener is cut off. */
  stalledMs: ms().default(30 * SECOND_MS),
});

/** The leader lease. */
const leaseLimits = z.strictObject({
  /** Azure takes 15 to 60 seconds. */
  durationSeconds: z.int().min(15).max(60).default(15),
  renewEveryMs: ms().default(5 * SECOND_MS),
  /** Taken off the lease's end before which a leader trusts itself: clocks run at slightly different speeds. */
  marginMs: ms().default(SECOND_MS),
  /** How often a standby asks for the leader's health. */
  probeEveryMs: ms().default(250),
});

/** Every limit of a node with its default, by what it bounds. Sizes in bytes, times in milliseconds unless named otherwise. */
export const limitsSchema = z.strictObject({
  http: httpLimits.prefault({}),
  read: readLimits.prefault({}),
  sse: sseLimits.prefault({}),
  writer: writerLimits.prefault({}),
  queue: queueLimits.prefault({}),
  webSocket: webSocketLimits.prefault({}),
  relay: relayLimits.prefault({}),
  listener: listenerLimits.prefault({}),
  lease: leaseLimits.prefault({}),
});

export type Limits = z.infer<typeof limitsSchema>;

export const defaultLimits: Limits = limitsSchema.parse({});
