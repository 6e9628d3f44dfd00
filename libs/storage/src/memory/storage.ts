import { type Runtime, systemRuntime } from '@message-vault/runtime';
import type { Storage } from '../ports.ts';
import { memoryBodies } from './bodies.ts';
import { MemoryContainers } from './containers.ts';
import { memoryDocuments } from './documents.ts';
import { memoryLeases } from './leases.ts';
import { memoryPages } from './pages.ts';
import { memoryQueues } from './queues.ts';

/**
 * A whole backend in this process's memory: for tests, the cluster simulation and `--storage memory`.
 *
 * It keeps Azure's conditions exactly, takes effect in the order of calling and uses no time but `runtime`'s (leases
 * expire and messages come back by it), so a run in virtual time is the same every time. Nodes that share the object share the storage;
 * `close` therefore keeps everything. Memory: the written bytes plus a small constant per write.
 */
export function memoryStorage(options: { runtime?: Runtime } = {}): Storage {
  let version = 0;
  const nextEtag = (): string => `"0x${(++version).toString(16).toUpperCase().padStart(16, '0')}"`;
  const runtime = options.runtime ?? systemRuntime;
  const containers = new MemoryContainers();
  return {
    pages: memoryPages(containers, nextEtag, runtime),
    leases: memoryLeases(runtime),
    documents: memoryDocuments(nextEtag, runtime),
    queues: memoryQueues(runtime),
    bodies: memoryBodies(containers, runtime),
    grants: undefined,
    close: async () => {},
  };
}
