import { defaultStreamPolicy } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { faultyStorage, memoryStorage, type Storage } from '@message-vault/storage';
import { expect, test } from 'vitest';
import { Catalog } from '../src/catalog.ts';

const init = { epoch: 1, policy: defaultStreamPolicy };

function catalogOver(storage: Storage, seed = 1): Catalog {
  return new Catalog(storage, new VirtualRuntime({ seed }));
}

test('two leaders that make a stream of one name at the same time get the same one', async () => {
  const storage = memoryStorage();
  const [one, other] = await Promise.all([
    catalogOver(storage, 1).ensureStream('orders', init),
    catalogOver(storage, 2).ensureStream('orders', { ...init, epoch: 2 }),
  ]);
  expect(other).toEqual(one);
  expect(await catalogOver(storage, 3).lookup('orders')).toEqual(one);
});

test('publishers that come at once make one stream between them', async () => {
  const catalog = catalogOver(memoryStorage());
  const entries = await Promise.all(Array.from({ length: 20 }, () => catalog.ensureStream('orders', init)));
  expect(new Set(entries).size).toBe(1);
});

test('a name whose document landed without an answer is found there', async () => {
  let puts = 0;
  const storage = faultyStorage(memoryStorage(), ({ operation }) => {
    if (operation !== 'documents.put') return undefined;
    puts += 1;
    return { kind: 'lose_answer' };
  });
  const entry = await catalogOver(storage).ensureStream('orders', init);
  expect(entry).toMatchObject({ name: 'orders', createdByEpoch: 1 });
  expect(puts).toBe(1);
});

test('listing goes on where a page ended, by prefix and in order', async () => {
  const catalog = catalogOver(memoryStorage());
  for (const name of ['b', 'a/x', 'a', 'ab', 'a/y/z']) await catalog.ensureStream(name, init);
  const first = await catalog.list('a', { limit: 2, cursor: undefined });
  const second = await catalog.list('a', { limit: 2, cursor: first.cursor });
  expect([...first.names, ...second.names].map(({ name }) => name)).toEqual(['a', 'a/x', 'a/y/z', 'ab']);
  expect(second.cursor).toBeUndefined();
});

test('children are the names directly below; one that only leads to others has no role', async () => {
  const catalog = catalogOver(memoryStorage());
  for (const name of ['app', 'app/orders', 'app/orders/eu', 'app/deep/down/there', 'apple']) {
    await catalog.ensureStream(name, init);
  }
  const all = await catalog.listChildren('app', { limit: 10, cursor: undefined });
  expect(all).toEqual({
    names: [
      { name: 'app/deep', role: 'none' },
      { name: 'app/orders', role: 'stream' },
    ],
    cursor: undefined,
  });
  const first = await catalog.listChildren('app', { limit: 1, cursor: undefined });
  expect(first.names).toEqual([{ name: 'app/deep', role: 'none' }]);
  const second = await catalog.listChildren('app', { limit: 1, cursor: first.cursor });
  expect(second).toEqual({ names: [{ name: 'app/orders', role: 'stream' }], cursor: undefined });
});
