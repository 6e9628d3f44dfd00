import type { Fault, StorageCall } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import type { DeliveryResult } from '../../src/index.ts';
import type { RouterWork } from '../../src/router/router-work.ts';
import { TestListener } from './support/listener.ts';
import { taking } from './support/taking.ts';
import { type Leader, numbered, World } from './support/world.ts';

type Router = Awaited<ReturnType<World['router']>>;

const workOf = (leader: Leader, router: Router): Promise<RouterWork> => leader.dispatcher.work(router);

async function attach(work: RouterWork, listener: TestListener): Promise<void> {
  listener.attachment = await work.attach(listener);
}

/** What somebody asked for may be refused; it must not be left open. */
function outcomeOf(work: Promise<unknown>): { settled: boolean; error: unknown } {
  const outcome: { settled: boolean; error: unknown } = { settled: false, error: undefined };
  work.then(
    () => Object.assign(outcome, { settled: true }),
    (error: unknown) => Object.assign(outcome, { settled: true, error }),
  );
  return outcome;
}

/** A leader whose segments can be opened for writing only after a while, and one who wants the work for a router. */
async function whileTailIsLookedUp(distribution: 'all' | 'one') {
  const world = new World();
  const router = await world.router('app/jobs', { distribution });
  const listener = new TestListener(world.uuid());
  const before = world.leader();
  await world.run(attach(await world.run(workOf(before, router)), listener));
  await before.end();
  const fault = ({ operation }: StorageCall): Fault | undefined =>
    operation.startsWith('pages.') ? { kind: 'delay', beforeMs: 200 } : undefined;
  const leader = world.leader({ fault });
  const asked = workOf(leader, router);
  await world.settle(100);
  expect(leader.calls.some(({ operation }) => operation.startsWith('pages.'))).toBe(true);
  return { world, router, leader, asked, listener };
}

describe('a term that ends while the end of a router stream is looked for', () => {
  it.each(['all', 'one'] as const)('begins no work for that router: %s', async (distribution) => {
    const { world, leader, asked } = await whileTailIsLookedUp(distribution);
    const outcome = outcomeOf(asked);
    await leader.end();
    await world.settle();
    expect(outcome).toMatchObject({ settled: true, error: { code: 'not_leader' } });
    expect(leader.leases).toBe(0);
  });
});

/** What is kept of a router `one` says: one subscription was removed, one is active again, one is new, one listener may come back. */
async function leftInTheMiddle() {
  const world = new World();
  const router = await world.router('app/jobs', { distribution: 'one' });
  await world.stream('app/log');
  let saves = true;
  const fault = ({ target, effect }: StorageCall): Fault | undefined =>
    !saves && effect === 'write' && target.startsWith('cursors/')
      ? { kind: 'hang', applied: false }
      : undefined;
  const first = world.leader({ fault });
  const goes = await first.subscribe(router, { target: { webhook: 'https://goes.test' } });
  const back = await first.subscribe(router, { target: { webhook: 'https://back.test' } });
  const work = await world.run(workOf(first, router));
  await world.run(work.setState(back.id, 'paused'));
  const listener = new TestListener(world.uuid());
  await world.run(attach(work, listener));
  await world.settle(1000);
  saves = false;
  for (const change of [
    work.unsubscribe(goes.id),
    work.setState(back.id, 'active'),
    first.dispatcher.subscribe(router, { target: { name: 'app/log' } }),
  ])
    change.catch(() => {});
  await world.settle(1000);
  first.leadership.leading = false;
  return { world, router, listener };
}

const endings = { 'has been deposed': false, 'hands over': true };

describe.each(Object.entries(endings))('the work of a leader that %s', (_how, leads) => {
  /** The next leader's term ends with its `at`th storage call; answers how many it made before all was at work. */
  async function endedAt(at: number): Promise<{ calls: number; left: string[] }> {
    const { world, router, listener } = await leftInTheMiddle();
    let ended: { settled: boolean; error: unknown } | undefined;
    const end = (): void => {
      leader.leadership.leading = leads;
      ended ??= outcomeOf(leader.dispatcher.end());
    };
    const leader = world.leader({
      fault: ({ index }) => {
        if (index === at) end();
        return { kind: 'delay', beforeMs: 10, afterMs: 10 };
      },
    });
    const again = new TestListener(listener.id);
    const took = taking(world, 'https://back.test');
    const asked = outcomeOf(workOf(leader, router).then((work) => attach(work, again)));
    const ready = outcomeOf(leader.dispatcher.ready());
    await world.settle(600);
    const calls = leader.calls.length;
    end();
    await world.settle(10_000);
    const given = took.length + again.offered.length;
    leader.leadership.leading = true;
    await leader.publish(router, numbered(10)).catch(() => {});
    await world.settle(10_000);
    const left: string[] = [];
    if (!ended?.settled) left.push('the end');
    if (!asked.settled || !ready.settled) left.push('who waited for it');
    if (asked.error === undefined && again.ends.length === 0) left.push('a listener');
    if (leader.leases > 0) left.push('a reader');
    if (took.length + again.offered.length > given) left.push('pumps');
    return { calls, left };
  }

  it('is over when the term is, whichever call of its beginning that was at', async () => {
    const { calls } = await endedAt(Number.POSITIVE_INFINITY);
    expect(calls).toBeGreaterThan(10);
    const bad: string[] = [];
    for (let at = 0; at <= calls; at += 1) {
      const { left } = await endedAt(at);
      if (left.length > 0) bad.push(`call ${at}: ${left.join(', ')}`);
    }
    expect(bad).toEqual([]);
  });
});

/** A webhook that takes three seconds to answer, behind a router of its own: a leader that hands over waits for it. */
async function withSlowOne(world: World) {
  const slow = await world.router('app/slow');
  world.webhooks.set('https://slow.test', () => {
    const { promise, resolve } = Promise.withResolvers<DeliveryResult>();
    world.runtime.setTimer(3000, () => resolve({ outcome: 'delivered' }));
    return promise;
  });
  return {
    subscribe: (leader: Leader) => leader.subscribe(slow, { target: { webhook: 'https://slow.test' } }),
    endSlowly: async (leader: Leader) => {
      await leader.publish(slow, ['takes its time']);
      await world.settle(10);
      return outcomeOf(leader.dispatcher.end());
    },
  };
}

describe('a router whose work', () => {
  it('could not be begun to the end leaves none of it behind', async () => {
    const { world, router } = await leftInTheMiddle();
    const { subscribe, endSlowly } = await withSlowOne(world);
    let claimed = false;
    let opening = false;
    const fault = ({ target, operation }: StorageCall): Fault | undefined => {
      if (target === router.container && !opening) {
        opening = true;
        return { kind: 'delay', beforeMs: 300 };
      }
      if (operation !== 'documents.put' || target !== `cursors/${router.routerId}`) return undefined;
      if (claimed) return { kind: 'hang', applied: false };
      claimed = true;
      return undefined;
    };
    const leader = world.leader({ fault });
    await subscribe(leader);
    const ended = await endSlowly(leader);
    expect(opening).toBe(true);
    expect(ended.settled).toBe(false);
    await world.settle(20_000);
    expect(ended.settled).toBe(true);
    expect(
      leader.calls.filter(({ target }) => target === `cursors/${router.routerId}`).length,
    ).toBeGreaterThan(2);
    expect(leader.leases).toBe(0);
  });

  it('is over takes nobody in any more, and gives nothing more to whoever was on his way in', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const { subscribe, endSlowly } = await withSlowOne(world);
    let slowly = false;
    const fault = ({ target }: StorageCall): Fault | undefined =>
      slowly && target.startsWith('cursors/') ? { kind: 'delay', beforeMs: 500 } : undefined;
    const leader = world.leader({ fault });
    await subscribe(leader);
    const took = taking(world, 'https://a.test');
    await world.run(workOf(leader, router));
    slowly = true;
    const coming = outcomeOf(leader.dispatcher.subscribe(router, { target: { webhook: 'https://a.test' } }));
    await world.settle(100);
    const ended = await endSlowly(leader);
    await leader.publish(router, numbered(5));
    await world.settle(2000);
    expect(ended.settled).toBe(false);
    await world.settle(20_000);
    expect(ended.settled && coming.settled).toBe(true);
    expect(took).toEqual([]);
    expect(leader.leases).toBe(0);
  });
});

describe('a listener of a router that gives each message to one', () => {
  it('hears that another came in its place also when that one wants something else', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    const work = await world.run(workOf(leader, router));
    const first = new TestListener(world.uuid());
    const second = new TestListener(first.id, { filter: "key = 'a'" });
    for (const listener of [first, second]) await world.run(attach(work, listener));
    expect(first.ends).toEqual(['replaced']);
    await leader.publish(router, numbered(3), { key: 'a' });
    await world.settle();
    expect(second.kept).toEqual(numbered(3));
    await leader.end();
  });
});
