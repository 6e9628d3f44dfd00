import type { LandedCommit } from '@message-vault/log';
import { type Runtime, randomUuid, systemRuntime, type Timer } from '@message-vault/runtime';
import { type Redis, ReplyError } from 'ioredis';
import { encodeAnnouncement, MAX_COMMIT_BYTES, parseAnnouncement } from './announcement.ts';
import { Announcer, type Growth } from './announcer.ts';
import { Listeners } from './listeners.ts';
import { RedisLink, reasonOf } from './redis-link.ts';
import { type ReadSecrets, Seal } from './seal.ts';
import type { GrowthListener, Wakeup, WakeupLogger, WakeupStats } from './wakeup.ts';

export interface RedisWakeupOptions {
  /** `redis://[user:password@]host:port[/db]`, or `rediss://` for TLS. A secret when it holds a password. */
  readonly url: string;
  readonly logger: WakeupLogger;
  /** What the processes of this cluster have in common and Redis does not know. Without it, commits never come along. */
  readonly secrets?: ReadSecrets;
  /** Before the stream id in every channel's name: clusters that share a Redis need different ones. */
  readonly channelPrefix?: string;
  /** Streams listened to through Redis; those beyond hear only of this process's own announcements. */
  readonly maxChannels?: number;
  readonly runtime?: Runtime;
}

const DEFAULT_PREFIX = 'message-vault:growth:';
const DEFAULT_MAX_CHANNELS = 20_000;
const PAUSE_MS = 2;
const MAX_WAITING_STREAMS = 20_000;
const MAX_PER_SEND = 500;
const SUBSCRIBE_AT_ONCE = 500;
/** A listening connection gets no answers by itself: this often it is asked for one, so that a dead one is noticed. */
const PING_EVERY_MS = 5000;

/**
 * Wake-ups over Redis publish-subscribe, one channel per stream. Nothing is connected before its first use, at most one
 * publish pipeline is in flight, and while Redis is away everything is as it would be without.
 */
export function redisWakeup(options: RedisWakeupOptions): Wakeup {
  return new RedisWakeup(options);
}

class RedisWakeup implements Wakeup {
  readonly #runtime: Runtime;
  readonly #logger: WakeupLogger;
  readonly #sender: string;
  readonly #seal: Seal | undefined;
  readonly #prefix: string;
  readonly #maxChannels: number;
  readonly #listeners: Listeners;
  readonly #announcer: Announcer;
  readonly #outgoing: RedisLink;
  readonly #incoming: RedisLink;
  readonly #counts = { announced: 0, received: 0, ignored: 0 };
  /** Connections whose messages are listened to already: one object serves all reconnections. */
  readonly #heard = new WeakSet<Redis>();
  #ping: Timer | undefined;
  #toldOfRefusal = false;
  #closed = false;

  constructor(options: RedisWakeupOptions) {
    const { url, logger, secrets, channelPrefix, maxChannels, runtime = systemRuntime } = options;
    this.#runtime = runtime;
    this.#logger = logger;
    this.#sender = randomUuid(runtime);
    this.#seal = secrets && new Seal(secrets, runtime);
    this.#prefix = channelPrefix ?? DEFAULT_PREFIX;
    this.#maxChannels = maxChannels ?? DEFAULT_MAX_CHANNELS;
    this.#listeners = new Listeners(logger);
    this.#announcer = new Announcer({
      runtime,
      send: (growth, commit) => this.#publish(growth, commit),
      pauseMs: PAUSE_MS,
      maxStreams: MAX_WAITING_STREAMS,
      maxPerSend: MAX_PER_SEND,
    });
    this.#outgoing = new RedisLink({
      url,
      logger,
      purpose: 'announce',
      onReady: () => this.#announcer.sendWaiting(),
    });
    this.#incoming = new RedisLink({
      url,
      logger,
      purpose: 'listen',
      onReady: (redis) => this.#listen(redis),
    });
  }

  get stats(): WakeupStats {
    const connected = this.#outgoing.isReady || this.#incoming.isReady;
    return { connected, ...this.#counts, ...this.#announcer.counts };
  }

  announce(streamId: string, tailPage: number, commit?: LandedCommit): void {
    if (this.#closed) return;
    this.#counts.announced += 1;
    this.#listeners.tell(streamId, tailPage, commit);
    this.#announcer.announce(streamId, tailPage, commit);
  }

  subscribe(streamId: string, listener: GrowthListener): () => void {
    if (this.#closed) return () => {};
    // A function of its own per subscription: the same listener may be given twice and is then called twice.
    const own: GrowthListener = (tailPage, commit) => listener(tailPage, commit);
    if (this.#listeners.add(streamId, own)) this.#openChannel(streamId);
    return () => {
      if (this.#listeners.remove(streamId, own)) this.#closeChannel(streamId);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ping?.cancel();
    this.#announcer.close();
    this.#listeners.clear();
    this.#outgoing.close();
    this.#incoming.close();
  }

  async #publish(growth: readonly Growth[], commit: LandedCommit | undefined): Promise<'sent' | 'not_ready'> {
    const redis = this.#outgoing.ready();
    if (redis === undefined) return 'not_ready';
    const pipeline = redis.pipeline();
    const sender = this.#sender;
    const along = commit !== undefined && commit.bytes.byteLength <= MAX_COMMIT_BYTES ? commit : undefined;
    for (const [streamId, tailPage] of growth) {
      const sealed = along && this.#seal?.close(along, { streamId, tailPage, sender });
      pipeline.publish(this.#prefix + streamId, encodeAnnouncement({ sender, tailPage, sealed }));
    }
    const answers = (await pipeline.exec()) ?? [];
    const refusal = answers.find(([error]) => error !== null)?.[0];
    if (refusal) {
      this.#refused(refusal);
      throw refusal;
    }
    return 'sent';
  }

  #openChannel(streamId: string): void {
    const redis = this.#incoming.ready();
    if (redis === undefined || this.#listeners.size > this.#maxChannels) return;
    redis.subscribe(this.#prefix + streamId).catch((error) => this.#refused(error));
  }

  #closeChannel(streamId: string): void {
    this.#incoming
      .ready()
      ?.unsubscribe(this.#prefix + streamId)
      .catch((error) => this.#refused(error));
  }

  #listen(redis: Redis): void {
    if (!this.#heard.has(redis)) {
      this.#heard.add(redis);
      redis.on('message', (channel, text) => this.#hear(channel, text));
    }
    const channels = this.#listeners.streams(this.#maxChannels).map((streamId) => this.#prefix + streamId);
    for (let at = 0; at < channels.length; at += SUBSCRIBE_AT_ONCE) {
      redis.subscribe(...channels.slice(at, at + SUBSCRIBE_AT_ONCE)).catch((error) => this.#refused(error));
    }
    this.#schedulePing(redis);
  }

  #schedulePing(redis: Redis): void {
    this.#ping?.cancel();
    this.#ping = this.#runtime.setTimer(PING_EVERY_MS, () => {
      if (redis.status !== 'ready') return;
      redis.ping().catch((error) => this.#refused(error));
      this.#schedulePing(redis);
    });
  }

  /** Nothing to be done: a lost connection begins anew by itself, and a Redis that says no is for a person to see, once. */
  #refused(error: unknown): void {
    if (!(error instanceof ReplyError) || this.#closed || this.#toldOfRefusal) return;
    this.#toldOfRefusal = true;
    this.#logger.warn({ reason: reasonOf(error) }, 'Redis did not take a command: wake-ups may be missing');
  }

  #hear(channel: string, text: string): void {
    const announcement = parseAnnouncement(text);
    const streamId = channel.slice(this.#prefix.length);
    if (announcement === undefined || !this.#listeners.has(streamId)) {
      this.#counts.ignored += 1;
      return;
    }
    const { sender, tailPage, sealed } = announcement;
    if (sender === this.#sender) return;
    this.#counts.received += 1;
    const commit = sealed && this.#seal?.open(sealed, { streamId, tailPage, sender });
    this.#listeners.tell(streamId, tailPage, commit || undefined);
  }
}
