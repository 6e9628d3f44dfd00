import { ClusterSecret } from '@message-vault/bus';
import { systemRuntime } from '@message-vault/runtime';
import { azureStorage, type Storage } from '@message-vault/storage';
import { startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mvault } from './support/mvault.ts';

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

const rotate = () => mvault(['rotate-secret'], { env: { MVAULT_STORAGE: azurite.connectionString } });
const secrets = () => new ClusterSecret(storage.documents, systemRuntime).get();

it('mvault rotate-secret replaces the secret there is, keeps the one before, and shows neither', async () => {
  const none = await rotate();
  expect([none.code, none.stderr]).toEqual([
    1,
    'mvault: the cluster has no secret yet: a node makes one when it needs it\n',
  ]);
  const [first] = await secrets();
  const { code, stdout } = await rotate();
  const [second, ...before] = await secrets();
  expect([code, before]).toEqual([0, [first]]);
  expect(stdout.toString()).not.toContain(Buffer.from(second).toString('base64'));
  await rotate();
  expect((await secrets()).slice(1)).toEqual([second]);
});
