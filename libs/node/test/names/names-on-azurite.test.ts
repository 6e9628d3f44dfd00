import { nameOfPath, parseNameDocument } from '@message-vault/metadata';
import { azureStorage, type Storage } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { contentsOf } from '../../src/names/identity.ts';
import { assign, change, json, remove, vault } from '../support/vault.ts';

let azurite: Azurite;
let storage: Storage;

beforeAll(async () => {
  azurite = await startAzurite({ inMemory: true });
  storage = azureStorage({ connectionString: azurite.connectionString });
});

afterAll(async () => {
  await storage.close();
  await azurite.stop();
});

it('roles come with what they need in storage, and take it along when they go', async () => {
  const { leader, reader } = await vault(storage);
  for (const role of ['stream', 'queue', 'router'])
    expect((await assign(reader, `app/${role}`, { role })).status).toBe(201);
  const { paths, labels } = await storage.documents.list('names/');
  expect(labels).toEqual(['queue', 'router', 'stream'].map((role) => `n1 ${role} managers required none -`));
  const contents = await Promise.all(
    paths.map(async (path) =>
      contentsOf(parseNameDocument((await storage.documents.get(path))?.body ?? new Uint8Array())),
    ),
  );
  const here = async (): Promise<number> => {
    const looks = contents.flatMap(({ containers, queues }) => [
      ...containers.map((container) => storage.pages.listSegments(container)),
      ...queues.map((queue) => storage.queues.properties(queue)),
    ]);
    return (await Promise.allSettled(looks)).filter(({ status }) => status === 'fulfilled').length;
  };
  expect(await here()).toBe(7);
  expect((await change(leader, 'app/queue', { maxQueueLength: 3 })).status).toBe(200);
  const { children } = await json<{ children: unknown[] }>(fetch(`${reader}/app/-/children`));
  expect(children).toHaveLength(3);
  for (const path of paths) expect((await remove(reader, nameOfPath(path) ?? '')).status).toBe(204);
  await vi.waitUntil(async () => (await here()) === 0, { timeout: 20_000 });
  expect(await json(fetch(`${reader}/-/names`))).toEqual({ names: [], cursor: null });
});
