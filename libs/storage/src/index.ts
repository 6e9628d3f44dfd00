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
export { memoryStorage } from './memory/storage.ts';
export type * from './ports.ts';
export { MAX_DOCUMENT_BYTES, MAX_SEGMENT_BYTES, MAX_WRITE_BYTES, STORAGE_PAGE_BYTES } from './rules.ts';
