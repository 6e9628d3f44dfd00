export { createClient, VaultClient } from './client.ts';
export {
  isVaultClientError,
  type Problem,
  type PublishOutcome,
  VaultClientError,
  type VaultClientErrorCode,
} from './errors.ts';
export type { RetryNotice } from './exchange.ts';
export { type JsonValue, type OutgoingMessage, type OutgoingRecord, VaultMessage } from './messages.ts';
export type { ChangeOptions, ChildName, NameHandle } from './names/name.ts';
export type { NamePolicy, PolicyFields } from './names/policy.ts';
export type { CountOptions } from './names/redrive.ts';
export type { NameStats, QueueStats, RouterStats } from './names/stats.ts';
export type { ClientOptions } from './options.ts';
export type { PublishResult } from './publish/call.ts';
export type { PublishOptions } from './publish/publisher.ts';
export type {
  CallOptions,
  ClusterInfo,
  LeaderInfo,
  NameEntry,
  NamesOptions,
  StreamStats,
} from './questions.ts';
export type { ConsumeHandler, ConsumeOptions, ConsumeProblem, ConsumeTask } from './queue/consume.ts';
export type { MessageLock, ReleaseOptions } from './queue/lock.ts';
export type { DeadLetterInfo, QueueMessage, ReceivedMessage } from './queue/message.ts';
export type { QueueHandle, ReceiveOptions } from './queue/queue.ts';
export type { ReadChunk } from './read/chunks.ts';
export type { ReadOptions, TailOptions } from './read/reader.ts';
export type { ReadFrom } from './read/start.ts';
export type { RelayedAnswer, RelayedRequest, RelayHandler, RelayProblem } from './relay/handler.ts';
export type { RelayOptions } from './relay/relay-listener.ts';
export type { ListenerHandler, ListenerOptions, ListenerProblem, RouterMessage } from './router/listener.ts';
export type { RouterHandle, SubscribeOptions } from './router/router.ts';
export type { Subscription, SubscriptionTarget } from './router/subscription.ts';
export {
  type Transport,
  TransportError,
  type TransportErrorCode,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
