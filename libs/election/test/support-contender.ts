import { VirtualRuntime } from '@message-vault/runtime/testing';
import { memoryStorage, type Storage } from '@message-vault/storage';
import type { Contender } from '../src/contend.ts';
import { defaultElectionSettings } from '../src/index.ts';
import { LeaderRecords } from '../src/leader-records.ts';
import { LeaseKeeper } from '../src/lease-keeper.ts';
import { StorageCalls } from '../src/storage-calls.ts';
import { StorageLink } from './link.ts';
import { NodeRuntime } from './node-runtime.ts';

/** One storage, in virtual time, for several contenders. */
export interface Lab {
  readonly base: VirtualRuntime;
  readonly storage: Storage;
}

export function lab(): Lab {
  const base = new VirtualRuntime();
  return { base, storage: memoryStorage({ runtime: base }) };
}

/** What one node contends with, without the rest of its election. */
export function contender({ base, storage }: Lab, nodeId: string) {
  const runtime = new NodeRuntime(base);
  const link = new StorageLink(base, runtime, storage);
  const settings = defaultElectionSettings;
  const calls = new StorageCalls({ ...link, runtime, timeoutMs: settings.storageTimeoutMs });
  const made: Contender = {
    nodeId,
    url: `http://${nodeId}`,
    runtime,
    calls,
    settings,
    records: new LeaderRecords(calls),
    keep: (leaseId, acquiredAt) =>
      new LeaseKeeper({
        runtime,
        calls,
        settings,
        leaseId,
        acquiredAt,
        sightings: undefined,
        onLost: () => {},
        onStorage: () => {},
      }),
  };
  return { ...made, link, runtime };
}
