import { defaultStreamPolicy, parsePolicy } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { faultyStorage, memoryStorage, type Storage } from '@message-vault/storage';
import { expect, test } from 'vitest';
import { identityOf } from '../src/names/identity.ts';
import { nameAuthority } from './support/name-authority.ts';

function namesOver(storage: Storage, epoch = 1) {
  return nameAuthority(storage, { epoch, runtime: new VirtualRuntime({ seed: epoch }) });
}

test('two leaders that make a stream of one name at the same time get the same one', async () => {
  const storage = memoryStorage();
  const [one, other] = await Promise.all([
    namesOver(storage, 1).authority.ensureStream('orders', defaultStreamPolicy),
    namesOver(storage, 2).authority.ensureStream('orders', defaultStreamPolicy),
  ]);
  expect(other).toEqual(one);
  expect(await namesOver(storage, 3).catalog.lookup('orders')).toEqual(one);
});

test('publishers that come at once make one stream between them', async () => {
  const { authority } = namesOver(memoryStorage());
  const entries = await Promise.all(
    Array.from({ length: 20 }, () => authority.ensureStream('orders', defaultStreamPolicy)),
  );
  expect(new Set(entries.map(identityOf)).size).toBe(1);
});

test('a name whose document landed without an answer is found there', async () => {
  let puts = 0;
  const storage = faultyStorage(memoryStorage(), ({ operation }) => {
    if (operation !== 'documents.put') return undefined;
    puts += 1;
    return { kind: 'lose_answer' };
  });
  const entry = await namesOver(storage).authority.ensureStream('orders', defaultStreamPolicy);
  expect(entry).toMatchObject({ name: 'orders', createdByEpoch: 1 });
  expect(puts).toBe(1);
});

test('listing goes on where a page ended, by prefix and in order', async () => {
  const { catalog, authority } = namesOver(memoryStorage());
  for (const name of ['b', 'a/x', 'a', 'ab', 'a/y/z'])
    await authority.ensureStream(name, defaultStreamPolicy);
  const first = await catalog.list('a', { limit: 2, cursor: undefined });
  const second = await catalog.list('a', { limit: 2, cursor: first.cursor });
  expect([...first.names, ...second.names].map(({ name }) => name)).toEqual(['a', 'a/x', 'a/y/z', 'ab']);
  expect(second.cursor).toBeUndefined();
});

test('children are the names directly below; one that only leads to others has no role', async () => {
  const { catalog, authority } = namesOver(memoryStorage());
  for (const name of ['app', 'app/orders', 'app/orders/eu', 'app/deep/down/there', 'apple']) {
    await authority.ensureStream(name, defaultStreamPolicy);
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

/** A leader's names, and the first read of `name` from now on that the storage answers only after `release`. */
function withSlowRead(name: string) {
  const runtime = new VirtualRuntime({ seed: 1 });
  let armed = false;
  const storage = faultyStorage(
    memoryStorage({ runtime }),
    ({ operation, target }) => {
      if (!armed || operation !== 'documents.get' || !target.includes(name)) return undefined;
      armed = false;
      return { kind: 'delay', afterMs: 1000 };
    },
    { runtime },
  );
  const names = nameAuthority(storage, { runtime });
  const slowly = (): Promise<unknown> => {
    armed = true;
    return names.catalog.read(name);
  };
  return { ...names, runtime, slowly };
}

test('a read that was under way while a name lost its role does not give it back', async () => {
  const { runtime, authority, catalog, slowly } = withSlowRead('work');
  await runtime.run(authority.assign('work', parsePolicy({ role: 'queue' })));
  const slow = slowly();
  await runtime.run(authority.remove('work', () => undefined));
  expect(await runtime.run(slow)).toBeUndefined();
  expect(await runtime.run(catalog.lookup('work'))).toBeUndefined();
});

test('a read that was under way while a name got its role tells nobody that it is gone', async () => {
  const { runtime, authority, catalog, slowly } = withSlowRead('work');
  const gone: string[] = [];
  catalog.subscribe({ gone: ({ name }) => gone.push(name) });
  const slow = slowly();
  const made = await runtime.run(authority.assign('work', parsePolicy({ role: 'queue' })));
  expect(await runtime.run(slow)).toEqual(made);
  expect(catalog.known('work')).toEqual(made);
  expect(gone).toEqual([]);
});
