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
export type { ReadChunk } from './read/chunks.ts';
export type { ReadOptions, TailOptions } from './read/reader.ts';
export type { ReadFrom } from './read/start.ts';
export {
  type Transport,
  TransportError,
  type TransportErrorCode,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
