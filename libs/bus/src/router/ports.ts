import type { AppendResult, Leadership, ReadMessage, StreamReader, Tail } from '@message-vault/log';
import type { NameDocument, QueueDocument, RouterDocument, StreamDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import type { DocumentStore } from '@message-vault/storage';
import type { WebhookGrant } from '../webhook/target.ts';
import type { Delivery, DeliveryResult } from './delivery.ts';
import type { WebhookSubscriber } from './state-document.ts';

/** A reader that stays open until it is let go of. */
export interface IntakeLease {
  readonly reader: StreamReader;
  release(): void;
}

/** Queues, as far as a router needs them. Errors: StorageError, and QueueError for what a queue refuses. */
export interface QueuePort {
  /** Adds `message` under its own id. Sent again after a lost answer it may be there twice. */
  deliver(queue: QueueDocument, message: ReadMessage): Promise<DeliveryResult>;
  /** Puts `message` among the router's dead letters. `source` is the subscription it was for. */
  deadLetter(
    router: RouterDocument,
    message: ReadMessage,
    why: { readonly reason: string; readonly source: string },
  ): Promise<void>;
  /** Takes up to `limit` dead letters one by one; those for which `again` answers true are removed, others stay. */
  redrive(
    router: RouterDocument,
    limit: number,
    again: (message: ReadMessage, source: string | undefined) => Promise<boolean>,
  ): Promise<number>;
  /** About how many dead letters there are. */
  countDeadLetters(router: RouterDocument): Promise<number>;
}

export interface WebhookPort {
  /** Refuses URLs that are none, or that must not be called. Throws WebhookError. */
  check(url: string): void;
  /** Asks the other side whether it wants to be called, and answers what it agreed to. Throws WebhookError. */
  handshake(target: Pick<WebhookSubscriber, 'url' | 'secrets'>, signal: AbortSignal): Promise<WebhookGrant>;
  push(
    target: WebhookSubscriber,
    delivery: Delivery,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<DeliveryResult>;
}

/** A logger of pino fits. */
export interface RouterLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the dispatcher needs of the node it runs on, for one term of leadership. */
export interface DispatcherPorts {
  readonly runtime: Runtime;
  readonly documents: DocumentStore;
  readonly leadership: Leadership;
  lookup(name: string): Promise<NameDocument | undefined>;
  /** Opens the stream for writing if need be (so that no older leader writes to it any more) and says where it ends. */
  tail(stream: StreamDocument): Promise<Tail>;
  /** Errors: LogError. */
  append(stream: StreamDocument, batch: Uint8Array): Promise<AppendResult>;
  acquireReader(stream: StreamDocument): IntakeLease;
  readonly queues: QueuePort;
  readonly webhooks: WebhookPort;
  readonly logger: RouterLogger;
}
