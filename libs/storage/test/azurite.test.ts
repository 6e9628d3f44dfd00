import { setTimeout } from 'node:timers/promises';
import { azureStorage, type Storage } from '@message-vault/storage';
import {
  runBodyStoreConformance,
  runDocumentStoreConformance,
  runLeaseStoreConformance,
  runPageStoreConformance,
  runQueueStoreConformance,
} from '@message-vault/storage/conformance';
import { startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

let azurite: Awaited<ReturnType<typeof startAzurite>>;
let storage: Storage;

beforeAll(async () => {
  azurite = await startAzurite();
  storage = azureStorage({ connectionString: azurite.connectionString });
});

afterAll(async () => {
  await storage.close();
  await azurite.stop();
});

runPageStoreConformance('azure on Azurite', () => storage.pages);
runDocumentStoreConformance('azure on Azurite', () => storage.documents);
runLeaseStoreConformance('azure on Azurite', () => ({
  leases: storage.leases,
  // Here the time of a lease really has to pass.
  outlast: (lease, seconds) =>
    vi.waitFor(async () => expect(await storage.leases.isHeld(lease)).toBe(false), {
      timeout: seconds * 1000 + 10_000,
      interval: 500,
    }),
}));
runBodyStoreConformance('azure on Azurite', () => storage);
runQueueStoreConformance('azure on Azurite', () => ({
  queues: storage.queues,
  // Here the time of a message really has to pass.
  pass: (ms) => setTimeout(ms),
}));

it('azure on Azurite: leases do not show among the documents they share a container with', async () => {
  await storage.leases.ensure('shared/lease');
  await storage.documents.put('shared/document', new Uint8Array(1), { ifAbsent: true });
  expect(await storage.documents.list('shared/')).toMatchObject({
    paths: ['shared/document'],
    cursor: undefined,
  });
});
