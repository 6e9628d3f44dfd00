import { parsePolicy } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { type Fault, faultyStorage, memoryStorage } from '@message-vault/storage';
import { silentLogger } from '@message-vault/telemetry';
import { inProcessWakeup } from '@message-vault/wakeup';
import { expect, test } from 'vitest';
import { Catalog } from '../../src/catalog.ts';
import { announceNames, heedNames } from '../../src/names/names.ts';
import { nameAuthority } from '../support/name-authority.ts';

const limited = (maxQueueLength: number) => parsePolicy({ role: 'queue', maxQueueLength });

/** A leader and another node that uses names; `reads` counts what that node asks the storage for. */
function twoNodes() {
  const runtime = new VirtualRuntime({ seed: 1 });
  const inner = memoryStorage({ runtime });
  const leader = nameAuthority(inner, { runtime });
  const seen: { reads: string[]; fault: Fault | undefined } = { reads: [], fault: undefined };
  const storage = faultyStorage(
    inner,
    ({ target }) => {
      seen.reads.push(target);
      return seen.fault;
    },
    { runtime },
  );
  const other = new Catalog(storage, runtime);
  const policy = async (name = 'work') => (await runtime.run(other.lookup(name)))?.policy;
  return { runtime, leader: leader.authority, other, seen, policy, inner };
}

test('a change is in force on every node within two seconds, however it used the name before', async () => {
  const { runtime, leader, policy } = twoNodes();
  await runtime.run(leader.assign('work', limited(1)));
  for (let change = 2; change < 40; change += 1) {
    await policy();
    await runtime.advance((change * 137) % 1900);
    await policy();
    await runtime.run(leader.change('work', () => limited(change)));
    await runtime.advance(1999);
    expect(await policy()).toMatchObject({ maxQueueLength: change });
  }
});

test('a change that is made long after it was announced is in force within two seconds too', async () => {
  const { runtime, leader, policy, inner } = twoNodes();
  await runtime.run(leader.assign('work', limited(1)));
  const slow = faultyStorage(
    inner,
    ({ operation, target }) =>
      operation === 'documents.put' && target.startsWith('names/')
        ? { kind: 'delay', beforeMs: 8000 }
        : undefined,
    { runtime },
  );
  const changing = nameAuthority(slow, { runtime, epoch: 2 }).authority.change('work', () => limited(2));
  for (let at = 0; at < 8; at += 1) {
    expect(await policy()).toMatchObject({ maxQueueLength: 1 });
    await runtime.advance(900);
  }
  await runtime.run(changing);
  await runtime.advance(1999);
  expect(await policy()).toMatchObject({ maxQueueLength: 2 });
});

test('a change that nobody knows of, and that arrives after a node has read the name, is found however late that looks again', async () => {
  const { runtime, leader, policy, inner } = twoNodes();
  await runtime.run(leader.assign('work', limited(1)));
  let isLate = true;
  const faults = faultyStorage(
    inner,
    ({ operation, target }) => {
      const isLost = isLate && operation === 'documents.put' && target.startsWith('names/');
      return isLost ? { kind: 'land_later', afterMs: 20_000 } : undefined;
    },
    { runtime },
  );
  const next = nameAuthority(faults, { runtime, epoch: 2 });
  const changing = next.authority.change('work', () => limited(2)).catch((error: unknown) => error);
  expect(await runtime.run(changing)).toMatchObject({ code: 'outcome_unknown' });
  isLate = false;
  const both = async () => [await policy(), (await runtime.run(next.catalog.lookup('work')))?.policy];
  await runtime.advance(10_000);
  expect(await both()).toMatchObject([{ maxQueueLength: 1 }, { maxQueueLength: 1 }]);
  await runtime.advance(80_000);
  expect(await both()).toMatchObject([{ maxQueueLength: 2 }, { maxQueueLength: 2 }]);
});

test('a removal is noticed likewise, and those who read the name are told', async () => {
  const { runtime, leader, other, policy } = twoNodes();
  const gone: string[] = [];
  other.subscribe({ gone: ({ name }) => gone.push(name) });
  await runtime.run(leader.assign('work', limited(1)));
  await policy();
  await runtime.run(leader.remove('work', () => undefined));
  await runtime.advance(1999);
  expect(await policy()).toBeUndefined();
  expect(gone).toEqual(['work']);
});

test('it is in force at once where wake-ups reach', async () => {
  const { runtime, other, policy, inner } = twoNodes();
  const wakeup = inProcessWakeup({ logger: silentLogger });
  heedNames(wakeup, other);
  const announced = (): void => announceNames(wakeup);
  const leader = nameAuthority(inner, { runtime, announced }).authority;
  await runtime.run(leader.assign('work', limited(1)));
  await policy();
  for (let change = 2; change < 10; change += 1) {
    await runtime.run(leader.change('work', () => limited(change)));
    expect(await policy()).toMatchObject({ maxQueueLength: change });
  }
  await runtime.run(leader.remove('work', () => undefined));
  expect(await policy()).toBeUndefined();
});

test('a node that uses a thousand names asks for one document a second, and none when it uses none', async () => {
  const { runtime, leader, policy, seen } = twoNodes();
  const names = Array.from({ length: 1000 }, (_, at) => `n${at}`);
  for (const name of names) await runtime.run(leader.assign(name, parsePolicy({ role: 'connection-point' })));
  for (const name of names) await policy(name);
  // What was announced shortly before is looked after by itself for a minute.
  for (let minutes = 0; minutes < 2; minutes += 1) {
    await runtime.advance(61_000);
    for (const name of names) await policy(name);
  }
  seen.reads.length = 0;
  for (let tick = 0; tick < 100; tick += 1) {
    for (const name of names) await policy(name);
    await runtime.advance(100);
  }
  expect(seen.reads.length).toBeLessThanOrEqual(12);
  expect(new Set(seen.reads)).toEqual(new Set(['name-changes']));
  seen.reads.length = 0;
  await runtime.advance(60_000);
  expect(seen.reads).toEqual([]);
});

test('a node that missed more changes than are remembered looks everything up anew', async () => {
  const { runtime, leader, policy } = twoNodes();
  await runtime.run(leader.assign('work', limited(1)));
  await policy();
  await runtime.run(leader.change('work', () => limited(2)));
  for (let at = 0; at < 300; at += 1)
    await runtime.run(leader.assign(`n${at}`, parsePolicy({ role: 'connection-point' })));
  await runtime.advance(2000);
  expect(await policy()).toMatchObject({ maxQueueLength: 2 });
});

test('storage that hangs or fails leaves what is known in use', async () => {
  const { runtime, leader, policy, seen } = twoNodes();
  await runtime.run(leader.assign('work', limited(1)));
  await policy();
  for (const fault of [
    { kind: 'refuse', code: 'unavailable' },
    { kind: 'delay', beforeMs: 20_000 },
  ] satisfies Fault[]) {
    seen.fault = fault;
    await runtime.advance(10_000);
    const askedAt = runtime.monotonic();
    expect(await policy()).toMatchObject({ maxQueueLength: 1 });
    expect(runtime.monotonic() - askedAt).toBeLessThan(1000);
  }
});
