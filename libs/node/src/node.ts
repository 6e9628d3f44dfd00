import { once } from 'node:events';
import type { Server } from 'node:http';
import { ClusterSecret, type WebhookSender } from '@message-vault/bus';
import { createHttpApp, type HttpApp } from '@message-vault/http';
import { invariant, type Runtime, systemRuntime } from '@message-vault/runtime';
import { openStorage, type Storage, storageDirOf } from '@message-vault/storage';
import { createLogger, createMetrics, type Logger } from '@message-vault/telemetry';
import { inProcessWakeup, redisWakeup, type Wakeup } from '@message-vault/wakeup';
import { Broker } from './broker.ts';
import { type NodeConfig, type NodeConfigInput, parseNodeConfig } from './config.ts';
import { type Peers, undiciPeers } from './peers.ts';
import { openWebhooks } from './webhooks/sender.ts';

/** Parts a program that embeds a node may bring along; what is left out is made from the configuration. */
export interface NodeParts {
  /** Kept open when the node stops: it is the caller's. */
  readonly storage?: Storage;
  readonly logger?: Logger;
  readonly runtime?: Runtime;
}

/** A broker node in this process. */
export interface VaultNode {
  /** Where it is reached, known once it listens. */
  readonly url: string;
  /** Why it is not ready, or undefined when it is. */
  notReady(): string | undefined;
  /** Finishes what is in flight, hands leadership over, closes. Idempotent. */
  stop(): Promise<void>;
}

/** Longest time requests get to finish when a node stops, milliseconds. */
const CLOSE_GRACE_MS = 5000;
/** Connections for the lease and the leader document. */
const RECORD_CONNECTIONS = 4;
/** Shown at `/`. */
const VERSION = '0.1.0';

/**
 * Starts a node: it listens when this resolves, and is ready to do its role's work some moments later.
 * Errors: ConfigError; whatever listening on the address fails with.
 */
export async function createNode(input: NodeConfigInput, parts: NodeParts = {}): Promise<VaultNode> {
  const config = parseNodeConfig(input);
  const logger = parts.logger ?? createLogger({ level: config.logLevel, nodeId: config.nodeId });
  const storages = parts.storage
    ? { storage: parts.storage, records: parts.storage }
    : await openStorages(config);
  const node = new RunningNode(config, parts, logger, storages);
  await node.start().catch(async (error: unknown) => {
    if (parts.storage === undefined) await closeBoth(storages);
    throw error;
  });
  return node;
}

class RunningNode implements VaultNode {
  readonly #config: NodeConfig;
  readonly #parts: NodeParts;
  readonly #logger: Logger;
  readonly #storages: Storages;
  readonly #wakeup: Wakeup;
  readonly #peers: Peers;
  readonly #webhooks: WebhookSender;
  readonly #broker: Broker;
  readonly #app: HttpApp;
  #url = '';
  #stopping: Promise<void> | undefined;

  constructor(config: NodeConfig, parts: NodeParts, logger: Logger, storages: Storages) {
    const metrics = createMetrics({ nodeId: config.nodeId, processMetrics: parts.storage === undefined });
    this.#config = config;
    this.#parts = parts;
    this.#logger = logger;
    this.#storages = storages;
    const runtime = parts.runtime ?? systemRuntime;
    this.#wakeup = wakeupOf(config.redisUrl, logger, new ClusterSecret(storages.storage.documents, runtime));
    this.#peers = undiciPeers();
    this.#webhooks = openWebhooks(config, runtime);
    this.#broker = new Broker({
      config,
      logger,
      metrics,
      runtime,
      ...storages,
      wakeup: this.#wakeup,
      peers: this.#peers,
      webhooks: this.#webhooks,
    });
    const { limits, trustForwardedProto } = config;
    this.#app = createHttpApp(this.#broker, {
      limits,
      logger,
      metrics,
      version: VERSION,
      trustForwardedProto,
    });
  }

  get url(): string {
    return this.#url;
  }

  notReady(): string | undefined {
    const { ready, reason } = this.#broker.ready();
    return ready ? undefined : (reason ?? 'no reason is known');
  }

  async start(): Promise<void> {
    const { host, port, url } = this.#config;
    const { server } = this.#app;
    server.listen(port, host);
    await once(server, 'listening');
    this.#url = url ?? `http://${bracketed(host)}:${portOf(server)}`;
    this.#broker.start(this.#url);
    this.#logger.info({ url: this.#url, app: this.#config.app }, 'listens');
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#logger.info('stops');
    await this.#broker.stop();
    await this.#app.close(CLOSE_GRACE_MS);
    await this.#wakeup.close();
    await Promise.all([this.#peers.close(), this.#webhooks.close()]);
    if (this.#parts.storage === undefined) await closeBoth(this.#storages);
    this.#logger.info('has ended');
  }
}

function wakeupOf(redisUrl: string | undefined, logger: Logger, secret: ClusterSecret): Wakeup {
  if (redisUrl === undefined) return inProcessWakeup({ logger });
  return redisWakeup({ url: redisUrl, logger, secrets: () => secret.get() });
}

interface Storages {
  readonly storage: Storage;
  /** The same over connections of their own. */
  readonly records: Storage;
}

async function closeBoth({ storage, records }: Storages): Promise<void> {
  await Promise.all([storage.close(), records.close()]);
}

async function openStorages({ storage: connection, systemContainer }: NodeConfig): Promise<Storages> {
  const storage = await openStorage(connection, { systemContainer });
  // A folder takes all writes that wait in one go, renewals among them: a second connection would only compete for its lock.
  if (storageDirOf(connection) !== undefined) return { storage, records: storage };
  return {
    storage,
    records: await openStorage(connection, { systemContainer, maxConnections: RECORD_CONNECTIONS }),
  };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function portOf(server: Server): number {
  const address = server.address();
  invariant(typeof address === 'object' && address !== null, 'a server that listens has an address');
  return address.port;
}
