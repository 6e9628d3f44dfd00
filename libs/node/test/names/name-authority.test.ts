import { defaultStreamPolicy, parsePolicy } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import {
  type Fault,
  faultyStorage,
  memoryStorage,
  type Storage,
  type StorageCall,
} from '@message-vault/storage';
import { createLogger } from '@message-vault/telemetry';
import { describe, expect, it } from 'vitest';
import { NameRounds } from '../../src/names/name-rounds.ts';
import { nameAuthority } from '../support/name-authority.ts';

const QUEUE = parsePolicy({ role: 'queue' });
const ROUTER = parsePolicy({ role: 'router' });
const HOUR_MS = 3_600_000;

/** One storage, virtual time, and leaders of it; `fault` strikes the calls of the one it is given to. */
function world() {
  const runtime = new VirtualRuntime({ seed: 1 });
  const inner = memoryStorage({ runtime });
  const told: string[] = [];
  const destination = { write: (line: string) => void told.push(line) };
  const logger = createLogger({ level: 'info', nodeId: 'n', destination });
  const leader = (epoch: number, fault?: (call: StorageCall) => Fault | undefined) => {
    const storage = fault === undefined ? inner : faultyStorage(inner, fault, { runtime });
    const names = nameAuthority(storage, { epoch, runtime });
    const { catalog, authority, leadership } = names;
    const rounds = new NameRounds({ catalog, names: authority, leadership, runtime, logger });
    return { ...names, rounds, round: () => runtime.run(rounds.round()) };
  };
  return { runtime, inner, leader, told };
}

/** Every container and queue the storage holds of those ever asked for. */
function watched(inner: Storage) {
  const made = { containers: new Set<string>(), queues: new Set<string>() };
  const plan = ({ operation, target }: StorageCall): undefined => {
    if (operation === 'pages.createContainer') made.containers.add(target);
    if (operation === 'queues.createQueue') made.queues.add(target);
  };
  const left = async (): Promise<number> => {
    const answers = await Promise.allSettled([
      ...[...made.containers].map((container) => inner.pages.listSegments(container)),
      ...[...made.queues].map((queue) => inner.queues.properties(queue)),
    ]);
    return answers.filter(({ status }) => status === 'fulfilled').length;
  };
  return { plan, left };
}

describe('a leader that was frozen', () => {
  it('can not change what a newer one has changed, and learns that it leads no more', async () => {
    const { runtime, leader } = world();
    const old = leader(1);
    await runtime.run(old.authority.assign('work', QUEUE));
    const young = leader(2);
    await runtime.run(
      young.authority.change('work', () => parsePolicy({ role: 'queue', maxQueueLength: 2 })),
    );
    const late = old.authority.change('work', () => parsePolicy({ role: 'queue', maxQueueLength: 1 }));
    await expect(runtime.run(late)).rejects.toMatchObject({ code: 'not_leader' });
    expect(old.losses).toHaveLength(1);
    expect(await runtime.run(young.catalog.read('work'))).toMatchObject({
      changedByEpoch: 2,
      policy: { maxQueueLength: 2 },
    });
  });

  it('may make a stream just while the newer one looks whether it is there, which then takes that one', async () => {
    const { runtime, leader } = world();
    let looked = false;
    const young = leader(2, ({ operation, target }) => {
      if (looked || operation !== 'documents.get' || !target.startsWith('names/')) return undefined;
      looked = true;
      return { kind: 'delay', afterMs: 100 };
    });
    const late = young.authority.ensureStream('orders', defaultStreamPolicy);
    await runtime.advance(50);
    const made = await runtime.run(leader(1).authority.ensureStream('orders', defaultStreamPolicy));
    expect(await runtime.run(late)).toEqual(made);
    expect(looked).toBe(true);
    expect(await runtime.run(leader(3).catalog.read('orders'))).toEqual(made);
  });

  it('can not even announce, once the newer one has begun', async () => {
    const { runtime, leader } = world();
    const old = leader(1);
    await runtime.run(old.feed.claim());
    await runtime.run(leader(2).feed.claim());
    for (const policy of [QUEUE, ROUTER]) {
      const late = old.authority.assign('work', policy);
      await expect(runtime.run(late)).rejects.toMatchObject({ code: 'not_leader' });
    }
    expect(await runtime.run(old.catalog.read('work'))).toBeUndefined();
  });

  it.each(['assign', 'change', 'remove'] as const)(
    'whose %s was on its way all the time does not undo what the newer one did',
    async (operation) => {
      const { runtime, leader } = world();
      let late = false;
      const old = leader(1, ({ operation: call, target }) =>
        late && call === 'documents.put' && target === 'names/work!'
          ? { kind: 'land_later', afterMs: 60_000 }
          : undefined,
      );
      if (operation !== 'assign') await runtime.run(old.authority.assign('work', QUEUE));
      late = true;
      const asked = {
        assign: () => old.authority.assign('work', QUEUE),
        change: () => old.authority.change('work', () => parsePolicy({ role: 'queue', maxQueueLength: 1 })),
        remove: () => old.authority.remove('work', () => undefined),
      }[operation]();
      const outcome = asked.catch((error: unknown) => error);
      await runtime.advance(100);
      const young = leader(2);
      if (operation === 'assign') await runtime.run(young.authority.assign('work', ROUTER));
      await runtime.run(young.authority.remove('work', () => undefined));
      await runtime.advance(120_000);
      await outcome;
      expect(await runtime.run(young.catalog.read('work'))).toBeUndefined();
      await runtime.run(young.authority.assign('work', ROUTER));
      await runtime.advance(120_000);
      expect(await runtime.run(young.catalog.read('work'))).toMatchObject({
        role: 'router',
        createdByEpoch: 2,
      });
    },
  );
});

describe('what belongs to a name', () => {
  it.each([
    ['the note in the trash', 'documents.put', /^trash/],
    ['a queue', 'queues.createQueue', /^mv-/],
    ['a container', 'pages.createContainer', /^mv-/],
    ['the announcement', 'documents.put', /^name-changes/],
    ['the document', 'documents.put', /^names/],
    ['the end of the note', 'documents.delete', /^trash/],
  ])('does not leak when a leader dies at %s of an assignment', async (_what, operation, target) => {
    const { runtime, inner, leader } = world();
    const { plan, left } = watched(inner);
    let dead = false;
    const old = leader(1, (call) => {
      plan(call);
      dead ||= call.operation === operation && target.test(call.target);
      return dead ? { kind: 'refuse', code: 'unavailable' } : undefined;
    });
    const dying = runtime.run(old.authority.assign('work', QUEUE)).then(
      () => 'done',
      () => 'failed',
    );
    const done = (await dying) === 'done';
    const young = leader(2);
    await young.round();
    await runtime.advance(2 * HOUR_MS);
    await young.round();
    const there = await runtime.run(young.catalog.read('work'));
    expect(there !== undefined).toBe(done);
    expect(await left()).toBe(done ? 3 : 0);
    expect((await inner.documents.list('trash/')).paths).toEqual([]);
    if (!done) await runtime.run(young.authority.assign('work', ROUTER));
  });

  it.each([
    ['the note in the trash', 'documents.put', /^trash/],
    ['the announcement', 'documents.put', /^name-changes/],
    ['the document', 'documents.put', /^names/],
    ['the contents', 'pages.deleteContainer', /^mv-/],
    ['a queue', 'queues.deleteQueue', /^mv-/],
  ])('is gone or whole when a leader dies at %s of a removal', async (_what, operation, target) => {
    const { runtime, inner, leader } = world();
    const { plan, left } = watched(inner);
    let armed = false;
    let dead = false;
    const old = leader(1, (call) => {
      plan(call);
      dead ||= armed && call.operation === operation && target.test(call.target);
      return dead ? { kind: 'refuse', code: 'unavailable' } : undefined;
    });
    await runtime.run(old.authority.assign('work', ROUTER));
    expect(await left()).toBe(3);
    armed = true;
    await runtime.run(old.authority.remove('work', () => undefined).catch(() => undefined));
    const young = leader(2);
    const there = await runtime.run(young.catalog.read('work'));
    await young.round();
    expect(await left()).toBe(there === undefined ? 0 : 3);
    await runtime.advance(2 * HOUR_MS);
    await young.round();
    expect(await left()).toBe(there === undefined ? 0 : 3);
    expect((await inner.documents.list('trash/')).paths).toEqual([]);
    expect((await inner.documents.list('names/')).paths).toHaveLength(there === undefined ? 0 : 1);
  });

  it('of a name that is used again stays, whatever the trash holds of the one before', async () => {
    const { runtime, inner, leader } = world();
    const { plan, left } = watched(inner);
    const { authority, round } = leader(1, plan);
    for (let times = 0; times < 3; times += 1) {
      await runtime.run(authority.assign('work', QUEUE));
      await runtime.run(authority.remove('work', () => undefined));
    }
    await runtime.run(authority.assign('work', QUEUE));
    await round();
    await runtime.advance(2 * HOUR_MS);
    await round();
    expect(await left()).toBe(3);
    expect((await inner.documents.list('trash/')).paths).toEqual([]);
  });

  it('is said to be removed once, by whatever leader, and removed once more before it is forgotten', async () => {
    const { runtime, inner, leader, told } = world();
    const first = leader(1);
    await runtime.run(first.authority.assign('work', QUEUE));
    await runtime.run(first.authority.remove('work', () => undefined));
    await first.round();
    first.rounds.stop();
    const calls: string[] = [];
    const next = leader(2, ({ operation }) => void calls.push(operation));
    await next.round();
    expect(calls.filter((call) => call === 'queues.deleteQueue')).toEqual([]);
    await runtime.advance(2 * HOUR_MS);
    expect(calls.filter((call) => call === 'queues.deleteQueue')).toHaveLength(2);
    expect((await inner.documents.list('trash/')).paths).toEqual([]);
    expect(told).toEqual([expect.stringContaining('were removed')]);
  });

  it('is seen to though the note of another can not be read, which is told once', async () => {
    const { runtime, inner, leader, told } = world();
    const { plan, left } = watched(inner);
    const { authority, round } = leader(1, plan);
    for (const at of ['trash/0', 'trash/ffffffff-ffff-4fff-bfff-ffffffffffff'])
      await inner.documents.put(at, Buffer.from('{'), { ifAbsent: true });
    await runtime.run(authority.assign('work', QUEUE));
    await runtime.run(authority.remove('work', () => undefined));
    await runtime.advance(2 * HOUR_MS);
    for (let times = 0; times < 3; times += 1) await round();
    expect(await left()).toBe(0);
    expect((await inner.documents.list('trash/')).paths).toHaveLength(2);
    expect(told.filter((each) => each.includes('can not be made sense of'))).toHaveLength(2);
  });

  it('goes with a role whose time is over', async () => {
    const { runtime, inner, leader } = world();
    const { plan, left } = watched(inner);
    const { authority, round, catalog } = leader(1, plan);
    const expirationInstant = new Date(runtime.now() + 5000).toISOString();
    await runtime.run(authority.assign('work', parsePolicy({ role: 'queue', expirationInstant })));
    await round();
    expect(await left()).toBe(3);
    await runtime.advance(6000);
    expect(await runtime.run(catalog.lookup('work'))).toBeUndefined();
    await round();
    expect(await left()).toBe(0);
  });
});
