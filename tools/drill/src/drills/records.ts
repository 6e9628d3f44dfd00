import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repairLeaderRecords } from '@message-vault/election';
import { LEADER_LEASE, LEADER_PATH } from '@message-vault/metadata';
import { systemRuntime } from '@message-vault/runtime';
import type { InsideDrill, Stage } from '../drill.ts';
import { DrillError } from '../errors.ts';
import { until } from '../wait.ts';
import { handOver } from './handing-over.ts';
import { BY_ITS_STORAGE, contenders, none, one, untilAll } from './parts.ts';

/** A leader looks at its document every 10 s; a standby follows as soon as the leader says that it does not lead. */
const ALARM_WITHIN_MS = 45_000;
const WATCH_SILENCE_MS = 3000;

export const leaseBroken: InsideDrill = {
  name: 'lease-broken',
  does: 'Breaks the leader lease by hand, as somebody with a storage browser could.',
  expects: 'The leader notices at its next renewal and steps down; one node leads again within moments.',
  setup: {},
  load: {},
  hold: { until: 'takeover', thenMs: 1000 },
  expect: { changes: one, changesAfterHeal: none },
  notFromOutside: BY_ITS_STORAGE,
  prepare: async ({ lab }) => ({ begin: () => lab.storage.leases.break(LEADER_LEASE) }),
};

export const leaderDocumentDeleted: InsideDrill = {
  name: 'leader-document-deleted',
  does: 'Deletes the leader document by hand; later repairs it as docs/operations.md says.',
  expects: 'Every node refuses to lead and raises the alarm, until a person has repaired it.',
  setup: {},
  load: { deliveryTimeoutMs: 120_000 },
  hold: { until: 'time', forMs: WATCH_SILENCE_MS },
  expect: { changes: none, changesAfterHeal: one },
  notFromOutside: BY_ITS_STORAGE,
  async prepare(stage) {
    let ackedAtStop = 0;
    return {
      async begin() {
        await deleteLeaderDocument(stage);
        await untilFenced(stage, 'leader_document_missing');
        ackedAtStop = stage.acked();
      },
      async end() {
        requireSilence(stage, ackedAtStop);
        await repair(stage);
      },
    };
  },
};

export const storageRolledBack: InsideDrill = {
  name: 'storage-rolled-back',
  does: 'Puts the whole storage back to what it was before the last change of leader, as a careless restore would.',
  expects:
    'Every node refuses to lead and raises the alarm. What was acknowledged in between is gone with the storage.',
  setup: { storageProcess: true },
  load: { deliveryTimeoutMs: 10_000 },
  hold: { until: 'time', forMs: WATCH_SILENCE_MS },
  staysDown: true,
  expect: {
    changes: none,
    changesAfterHeal: none,
    failedPublishes: Number.POSITIVE_INFINITY,
    // Readers keep no memory of who led: they tell what the storage says.
    findings: ['lost', 'unread', 'epoch-back'],
    consumersMayEnd: true,
  },
  notFromOutside: BY_ITS_STORAGE,
  async prepare(stage) {
    await withStorageDown(stage, (data, copy) => cp(data, copy, { recursive: true }));
    await stage.calm();
    await untilPublishing(stage);
    await handOver(stage);
    await untilPublishing(stage);
    let ackedAtStop = 0;
    return {
      async begin() {
        await withStorageDown(stage, async (data, copy) => {
          await rm(data, { recursive: true });
          await cp(copy, data, { recursive: true });
        });
        await untilFenced(stage, 'storage_rolled_back');
        ackedAtStop = stage.acked();
      },
      async end() {
        requireSilence(stage, ackedAtStop);
        await repair(stage);
      },
    };
  },
};

async function deleteLeaderDocument({ lab }: Stage): Promise<void> {
  const { documents } = lab.storage;
  const stored = await documents.get(LEADER_PATH);
  if (stored === undefined) throw new DrillError('not_settled', 'there is no leader document');
  await documents.delete(LEADER_PATH, { ifMatch: stored.etag });
}

/** Stops the storage in order, which makes it save all it has acknowledged, and starts it again after `change`. */
async function withStorageDown(
  { lab }: Stage,
  change: (data: string, copy: string) => Promise<void>,
): Promise<void> {
  const { dir } = lab.cluster;
  await lab.cluster.kill('storage', 'SIGTERM');
  await change(join(dir, 'azurite'), join(dir, 'azurite-before'));
  await lab.cluster.restart('storage');
}

/** Publishes have been acknowledged since now. */
async function untilPublishing(stage: Stage): Promise<void> {
  const acked = stage.acked();
  const more = (): true | undefined => (stage.acked() > acked + 50 ? true : undefined);
  await until('publishes are acknowledged', more, { withinMs: ALARM_WITHIN_MS, signal: stage.signal });
}

async function untilFenced(stage: Stage, alarm: string): Promise<void> {
  await untilAll(`every node that may lead refuses to, with the alarm ${alarm}`, stage, {
    ids: contenders(stage),
    test: ({ role, alarms }) => role === 'fenced' && alarms.includes(alarm),
    withinMs: ALARM_WITHIN_MS,
  });
}

function requireSilence(stage: Stage, ackedAtStop: number): void {
  const since = stage.acked() - ackedAtStop;
  if (since > 0) stage.problem(`${since} publishes were acknowledged while every node refused to lead`);
}

async function repair(stage: Stage): Promise<void> {
  await repairLeaderRecords({
    documents: stage.lab.storage.documents,
    runtime: systemRuntime,
    person: 'drill',
    highestKnownEpoch: stage.watch.leader?.epoch ?? 0,
  });
}
