import { type Runtime, systemRuntime } from '@message-vault/runtime';
import type { Storage } from '../ports.ts';
import { memoryDocuments } from './documents.ts';
import { memoryLeases } from './leases.ts';
import { memoryPages } from './pages.ts';

/**
 * A whole backend in this process's memory: for tests, the cluster simulation and `--storage memory`.
 *
 * It keeps Azure's conditions exactly, takes effect in the order of calling and uses no time but `runtime`'s (leases
 * expire by it), so a run in virtual time is the same every time. Nodes that share the object share the storage;
 * `close` therefore keeps everything. Memory: the written bytes plus a small constant per write.
 */
export function memoryStorage(options: { runtime?: Runtime } = {}): Storage {
  let version = 0;
  const nextEtag = (): string => `"0x${(++version).toString(16).toUpperCase().padStart(16, '0')}"`;
  return {
    pages: memoryPages(nextEtag),
    leases: memoryLeases(options.runtime ?? systemRuntime),
    documents: memoryDocuments(nextEtag),
    grants: undefined,
    close: async () => {},
  };
}
