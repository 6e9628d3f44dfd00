/**
 * Where streams, documents and leases are kept: the ports, and an adapter per backend.
 *
 * - `azureStorage`: Azure Blob Storage, or Azurite.
 * - `fileStorage`: a folder of this machine, which several processes have open at once.
 * - `memoryStorage`: this process's memory, with the same conditions, deterministic.
 * - `faultyStorage`: any of them, with faults put in where a test or a simulation wants them.
 *
 * Expected failures are `StorageError`s of a closed list of codes. Every write to a segment carries two conditions, the
 * leader's epoch and the ETag of its last write; there is no way to write without both. What an adapter must do is
 * written down as tests in `@message-vault/storage/conformance`; `@message-vault/storage/testing` starts an Azurite.
 */
export {
  type AzureAccess,
  type AzureSettings,
  type AzureStorageOptions,
  defaultAzureSettings,
} from './azure/settings.ts';
export { azureStorage } from './azure/storage.ts';
export { isStorageError, StorageError, type StorageErrorCode } from './errors.ts';
export {
  type CallEffect,
  type Fault,
  type FaultPlan,
  type FaultRates,
  randomFaults,
  type StorageCall,
} from './faulty/fault.ts';
export { faultyStorage } from './faulty/storage.ts';
export type { FileClock } from './file/clock.ts';
export { type FileStorageOptions, fileStorage } from './file/storage.ts';
export { memoryStorage } from './memory/storage.ts';
export { type OpenStorageOptions, openStorage, storageDirOf } from './open.ts';
export type * from './ports.ts';
export {
  MAX_BODY_BYTES,
  MAX_DOCUMENT_BYTES,
  MAX_QUEUE_BODY_BYTES,
  MAX_SEGMENT_BYTES,
  MAX_WRITE_BYTES,
  STORAGE_PAGE_BYTES,
} from './rules.ts';
