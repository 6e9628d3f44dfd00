import type { Fault, StorageCall } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { taking } from './support/taking.ts';
import { numbered, World } from './support/world.ts';

const EXPIRES_IN_MS = 60_000;

/**
 * A router `one` with subscriptions to `goes`, `expires` and `stays`, whose leader went before it was saved that the first of
 * them is no member any more, and the second none yet where `joined` is false. The next one begins when the second has expired.
 */
async function expiredMeanwhile(joined: boolean) {
  const world = new World();
  const router = await world.router('app/jobs', { distribution: 'one', pushDeliveryRetries: 0 });
  let busy = true;
  const took = {
    goes: taking(world, 'https://goes.test'),
    expires: taking(world, 'https://expires.test', () =>
      busy ? { outcome: 'later', reason: 'not now', afterMs: 1000 } : { outcome: 'delivered' },
    ),
    stays: taking(world, 'https://stays.test'),
  };
  let saves = true;
  const fault = ({ target, effect }: StorageCall): Fault | undefined =>
    !saves && effect === 'write' && target.startsWith('cursors/')
      ? { kind: 'hang', applied: false }
      : undefined;
  const first = world.leader({ fault });
  const expiresAt = world.runtime.now() + EXPIRES_IN_MS;
  const goes = await first.subscribe(router, { target: { webhook: 'https://goes.test' } });
  const subscribe = () =>
    first.dispatcher.subscribe(router, { target: { webhook: 'https://expires.test' }, expiresAt });
  if (joined) await world.run(subscribe());
  await first.subscribe(router, { target: { webhook: 'https://stays.test' } });
  await first.publish(router, numbered(20));
  await world.settle(1000);
  saves = false;
  if (!joined) subscribe().catch(() => {});
  const work = await world.run(first.dispatcher.work(router));
  work.unsubscribe(goes.id).catch(() => {});
  await world.settle(1000);
  first.leadership.leading = false;
  await world.settle(EXPIRES_IN_MS);
  busy = false;
  return { world, router, took };
}

describe('a subscription that has expired while nobody led', () => {
  it.each([true, false])(
    'is given nothing, and nothing that others have, also when its member was to begin right then (joined: %s)',
    async (joined) => {
      const { world, router, took } = await expiredMeanwhile(joined);
      const fault = ({ target }: StorageCall): Fault | undefined =>
        target.startsWith('cursors/') ? { kind: 'delay', beforeMs: 100 } : undefined;
      const leader = world.leader({ fault });
      await world.settle();
      await leader.publish(router, numbered(20, 20));
      await world.settle(20_000);
      expect((await world.run(leader.dispatcher.work(router))).views()).toHaveLength(1);
      expect(took.expires).toEqual([]);
      const letters = (await world.deadLetters(router)).map(({ value }) => value);
      expect([...took.goes, ...took.stays, ...letters].toSorted()).toEqual(numbered(40).toSorted());
      await leader.end();
    },
  );
});

describe('a webhook that is left out for failing', () => {
  it('is back before somebody goes who took all that only it wants besides', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    let isDown = true;
    const filtered = taking(world, 'https://filtered.test');
    const failing = taking(world, 'https://failing.test', () =>
      isDown ? { outcome: 'retry', reason: '500' } : { outcome: 'delivered' },
    );
    taking(world, 'https://expires.test');
    await leader.subscribe(router, { target: { webhook: 'https://filtered.test' }, filter: "key = 'a'" });
    await leader.subscribe(router, { target: { webhook: 'https://failing.test' } });
    const expiresAt = world.runtime.now() + 3000;
    await leader.subscribe(router, { target: { webhook: 'https://expires.test' }, expiresAt });
    await leader.publish(router, numbered(40), { key: 'x' });
    await world.settle(3500);
    await leader.publish(router, numbered(20, 40), { key: 'x' });
    isDown = false;
    await world.settle(120_000);
    expect({ filtered, failing: failing.toSorted() }).toEqual({ filtered: [], failing: numbered(20, 40) });
    await leader.end();
  });
});

describe('one of several subscribers that goes for good', () => {
  it('keeps nothing from the others with what only it wanted', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    taking(world, 'https://goes.test', () => ({ outcome: 'later', reason: 'not now', afterMs: 1000 }));
    const stays = taking(world, 'https://stays.test');
    const { id } = await leader.subscribe(router, { target: { webhook: 'https://goes.test' } });
    await leader.subscribe(router, { target: { webhook: 'https://stays.test' }, filter: "key = 'a'" });
    for (let at = 0; at < 20; at += 2) {
      await leader.publish(router, numbered(1, at), { key: 'x' });
      await leader.publish(router, numbered(1, at + 1), { key: 'a' });
    }
    await world.settle(1000);
    const work = await world.run(leader.dispatcher.work(router));
    await world.run(work.unsubscribe(id));
    await world.settle(10_000);
    const wanted = numbered(20).filter((_each, at) => at % 2 === 1);
    expect(stays.toSorted()).toEqual(wanted.toSorted());
    expect(work.neededFrom()).toBe((await world.run(work.stats())).nextOffset);
    await leader.end();
  });

  it('has all that was its own when it was only away for a while', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution: 'one' });
    const leader = world.leader();
    let isBusy = true;
    const goes = taking(world, 'https://goes.test', () =>
      isBusy ? { outcome: 'later', reason: 'not now', afterMs: 1000 } : { outcome: 'delivered' },
    );
    taking(world, 'https://stays.test');
    const { id } = await leader.subscribe(router, { target: { webhook: 'https://goes.test' } });
    await leader.subscribe(router, { target: { webhook: 'https://stays.test' }, filter: "key = 'a'" });
    await leader.publish(router, numbered(10), { key: 'x' });
    await world.settle(1000);
    const work = await world.run(leader.dispatcher.work(router));
    await world.run(work.setState(id, 'paused'));
    await world.settle(10_000);
    isBusy = false;
    await world.run(work.setState(id, 'active'));
    await world.settle(10_000);
    expect(goes.toSorted()).toEqual(numbered(10).toSorted());
    await leader.end();
  });
});

describe('a subscription whose time is over', () => {
  it.each(['all', 'one'] as const)(
    'is given nothing by a router %s from then on, though the storage has yet to be told',
    async (distribution) => {
      const world = new World();
      const router = await world.router('app/jobs', { distribution });
      const fault = ({ target, effect }: StorageCall): Fault | undefined =>
        effect === 'write' && target.startsWith('routers/') && world.runtime.now() > expiresAt - 1000
          ? { kind: 'delay', beforeMs: 30_000 }
          : undefined;
      const expiresAt = world.runtime.now() + EXPIRES_IN_MS;
      const leader = world.leader({ fault });
      const took = taking(world, 'https://expires.test');
      await leader.subscribe(router, { target: { webhook: 'https://expires.test' }, expiresAt });
      await leader.publish(router, ['in time']);
      await world.settle(EXPIRES_IN_MS);
      await leader.publish(router, ['too late']);
      await world.settle(5000);
      expect(took).toEqual(['in time']);
      await world.settle(60_000);
      expect((await world.run(leader.dispatcher.work(router))).views()).toEqual([]);
      await leader.end();
    },
  );
});
