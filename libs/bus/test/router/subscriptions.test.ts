import { deadLetterOf } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import type { DeliveryResult } from '../../src/index.ts';
import { taking } from './support/taking.ts';
import { type Leader, numbered, World } from './support/world.ts';

async function refusal(world: World, work: Promise<unknown>): Promise<unknown> {
  try {
    await world.run(work);
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'nothing';
}

function subscribing(leader: Leader, from: Parameters<Leader['subscribe']>[0], to: string): Promise<unknown> {
  return leader.dispatcher.subscribe(from, { target: { name: to } });
}

describe('a subscription', () => {
  it('is not made, and nothing is kept of it, when its router goes while the webhook is asked', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const leader = world.leader();
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    const late = leader.dispatcher.subscribe(router, { target: { webhook: 'https://b.test' } });
    world.names.delete(router.name);
    const outcome = refusal(world, late);
    await world.run(leader.dispatcher.removed(router));
    expect(await outcome).toBe('router_gone');
    const { paths } = await world.storage.documents.list('', { limit: 10, cursor: undefined });
    expect(paths).toEqual([]);
    expect(leader.warnings).toEqual([]);
    await leader.end();
  });

  it('can be made and looked at while another router can not be opened', async () => {
    const world = new World();
    const [router, stuck] = [await world.router('app/jobs'), await world.router('app/stuck')];
    const stream = await world.stream('app/log');
    const before = world.leader();
    for (const each of [router, stuck]) await before.subscribe(each, { target: { name: stream.name } });
    await before.end();
    const leader = world.leader({
      fault: ({ target }) =>
        target.includes(stuck.container) ? { kind: 'refuse', code: 'unavailable' } : undefined,
    });
    await world.settle();
    const seen: unknown[] = [];
    void leader.dispatcher.known(router).then((work) => seen.push(work?.views().length));
    void leader.dispatcher
      .subscribe(router, { target: { webhook: 'https://a.test' } })
      .then(({ subscription }) => seen.push(subscription.state));
    await world.settle();
    expect(seen).toEqual([1, 'active']);
    await leader.end();
  });

  it('is not made to dead letters, of a queue or of the router itself: nobody can put anything there', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const queue = await world.queue('app/work');
    const leader = world.leader();
    for (const owner of [queue, router]) {
      const letters = deadLetterOf(owner);
      world.names.set(letters.name, letters);
      expect(await refusal(world, subscribing(leader, router, letters.name))).toBe('bad_target');
    }
    await leader.end();
  });

  it('stays paused when it is resumed and paused again within one save', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const stream = await world.stream('app/log');
    const leader = world.leader();
    const { id } = await leader.subscribe(router, { target: { name: 'app/log' } });
    const work = await world.run(leader.dispatcher.work(router));
    await world.run(work.setState(id, 'paused'));
    const other = work.subscribe(
      {},
      {
        id: world.uuid(),
        target: { kind: 'webhook', url: 'https://a.test', secrets: [], origin: 'vault.test' },
      },
    );
    await world.run(Promise.all([other, work.setState(id, 'active'), work.setState(id, 'paused')]));
    await leader.publish(router, ['x']);
    await world.settle();
    expect(await leader.view(router, id)).toMatchObject({ state: 'paused', lag: 1 });
    expect(await world.values(stream)).toEqual([]);
    await leader.end();
  });

  it('gets what matches its filter only, and into a stream still once and in order', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const stream = await world.stream('app/log');
    const leader = world.leader();
    await leader.subscribe(router, { target: { name: 'app/log' }, filter: "key = 'a'" });
    for (const key of ['a', 'b', 'a']) await leader.publish(router, [`1${key}`, `2${key}`], { key });
    await world.settle();
    expect(await world.values(stream)).toEqual(['1a', '2a', '1a', '2a']);
    expect(
      await refusal(
        world,
        leader.dispatcher.subscribe(router, { target: { name: 'app/log' }, filter: 'key =' }),
      ),
    ).toBe('bad_filter');
    await leader.end();
  });

  it('begins with what comes from now on, or anywhere in the past', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const leader = world.leader();
    await leader.publish(router, numbered(3));
    await world.settle(1000);
    const between = world.runtime.now();
    await leader.publish(router, numbered(3, 3));
    const [second] = (await world.messages(router)).slice(1);
    const starts = [
      undefined,
      { at: 'latest' },
      { at: 'earliest' },
      { sequenceNumber: 2 },
      { offset: second?.offset ?? -1 },
      { timestamp: between },
      { last: 2 },
    ] as const;
    const took = starts.map((from, index) => {
      const url = `https://${index}.test`;
      return { url, from, values: taking(world, url) };
    });
    for (const { url, from } of took) await leader.subscribe(router, { target: { webhook: url }, from });
    await world.settle();
    await leader.publish(router, ['new']);
    await world.settle();
    expect(took.map(({ values }) => values.length)).toEqual([1, 1, 7, 5, 6, 4, 3]);
    const beyond = leader.dispatcher.subscribe(router, {
      target: { webhook: 'https://x.test' },
      from: { sequenceNumber: 99 },
    });
    expect(await refusal(world, beyond)).toBe('offset_out_of_range');
    await leader.end();
  });

  it('loses nothing while it is paused, and goes on where it was', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const stream = await world.stream('app/log');
    const leader = world.leader();
    const { id } = await leader.subscribe(router, { target: { name: 'app/log' } });
    await leader.publish(router, numbered(5));
    await world.settle();
    const work = await world.run(leader.dispatcher.work(router));
    expect(await world.run(work.setState(id, 'paused'))).toMatchObject({ state: 'paused', lag: 0 });
    await leader.publish(router, numbered(5, 5));
    await world.settle();
    expect(await world.values(stream)).toEqual(numbered(5));
    expect(work.view(id)).toMatchObject({ state: 'paused', lag: 5 });
    await leader.end();
    const next = world.leader();
    await world.run(next.dispatcher.ready());
    expect(await next.view(router, id)).toMatchObject({ state: 'paused', lag: 5 });
    await world.run((await world.run(next.dispatcher.work(router))).setState(id, 'active'));
    await world.settle();
    expect(await world.values(stream)).toEqual(numbered(10));
    await next.end();
  });

  it('ends when it expires, also under the next leader', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const leader = world.leader();
    const took = taking(world, 'https://a.test');
    const expiresAt = world.runtime.now() + 60_000;
    await leader.subscribe(router, { target: { webhook: 'https://a.test' }, expiresAt });
    await leader.publish(router, ['before']);
    await world.settle();
    await leader.end();
    const next = world.leader();
    await world.run(next.dispatcher.ready());
    await world.settle(60_000);
    await next.publish(router, ['after']);
    await world.settle();
    expect(took).toEqual(['before']);
    expect((await world.run(next.dispatcher.work(router))).views()).toEqual([]);
    const past = { target: { webhook: 'https://a.test' }, expiresAt };
    expect(await refusal(world, next.dispatcher.subscribe(router, past))).toBe('bad_request');
    await next.end();
  });

  it('is refused when it would close a cycle: direct, through three hops, or as the second of two at once', async () => {
    const world = new World();
    const [a, b, c] = [await world.router('a'), await world.router('b'), await world.router('c')];
    const leader = world.leader();
    expect(await refusal(world, subscribing(leader, a, 'a'))).toBe('cycle');
    await world.run(subscribing(leader, a, 'b'));
    const both = await world.run(
      Promise.allSettled([subscribing(leader, b, 'c'), subscribing(leader, c, 'b')]),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await refusal(world, subscribing(leader, c, 'a'))).toBe('cycle');
    await leader.end();
    const next = world.leader();
    expect(await refusal(world, subscribing(next, c, 'a'))).toBe('cycle');
    await next.end();
  });

  it('is refused for names that take no messages and when there are too many', async () => {
    const world = new World();
    const router = await world.router('a', { maxSubscribers: 1 });
    await world.stream('log');
    const leader = world.leader();
    expect(await refusal(world, subscribing(leader, router, 'nothing'))).toBe('no_such_target');
    await world.run(subscribing(leader, router, 'log'));
    expect(await refusal(world, subscribing(leader, router, 'log'))).toBe('too_many_subscribers');
    await leader.end();
  });

  it('says that its target has gone, or is another one of the same name', async () => {
    const world = new World();
    const router = await world.router('a');
    await world.stream('log');
    await world.queue('work');
    const leader = world.leader();
    const toLog = await leader.subscribe(router, { target: { name: 'log' } });
    const toWork = await leader.subscribe(router, { target: { name: 'work' } });
    world.names.delete('log');
    world.names.delete('work');
    const another = await world.queue('work');
    await leader.publish(router, ['x']);
    await world.settle();
    for (const { id } of [toLog, toWork]) {
      const view = await leader.view(router, id);
      expect(view).toMatchObject({ state: 'ended', lag: 0 });
      expect(view.lastError?.reason).toMatch(/gone|no queue/);
    }
    expect(await world.drain(another)).toEqual([]);
    await leader.end();
  });
});

describe('a subscriber that fails', () => {
  it('has each message tried as often as the policy says, then it is a dead letter with the reason', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { pushDeliveryRetries: 3 });
    const leader = world.leader();
    const attempts: number[] = [];
    world.webhooks.set('https://a.test', ({ message, attempt }) => {
      if (Buffer.from(message.value).toString() !== 'm1') return { outcome: 'delivered' };
      attempts.push(attempt);
      return { outcome: 'retry', reason: 'HTTP 500' };
    });
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await leader.publish(router, numbered(3));
    await world.settle(60_000);
    expect(attempts).toEqual([1, 2, 3, 4]);
    expect(await world.deadLetters(router)).toMatchObject([{ value: 'm1', reason: 'HTTP 500' }]);
    await leader.end();
  });

  it('gets its dead letters again when they are redriven, and keeps those it still does not take', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { pushDeliveryRetries: 0 });
    const leader = world.leader();
    let broken = true;
    const took = taking(world, 'https://a.test', () =>
      broken ? { outcome: 'refused', reason: 'not now' } : { outcome: 'delivered' },
    );
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await leader.publish(router, numbered(3));
    await world.settle();
    const work = await world.run(leader.dispatcher.work(router));
    expect(await world.run(work.redrive(10))).toBe(0);
    broken = false;
    await world.settle(60_000);
    expect(await world.run(work.redrive(10))).toBe(3);
    expect(took.toSorted()).toEqual(numbered(3));
    expect(await world.deadLetters(router)).toEqual([]);
    await leader.end();
  });

  it('gets its dead letters though those of others, who are gone or take none, come before them', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { pushDeliveryRetries: 0 });
    const leader = world.leader();
    const refusing = (url: string) => taking(world, url, () => ({ outcome: 'refused', reason: 'no' }));
    for (const url of ['https://gone.test', 'https://never.test', 'https://a.test']) refusing(url);
    const gone = await leader.subscribe(router, { target: { webhook: 'https://gone.test' } });
    await leader.subscribe(router, { target: { webhook: 'https://never.test' } });
    await leader.publish(router, numbered(50));
    await world.settle();
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await leader.publish(router, numbered(3, 50));
    await world.settle();
    const work = await world.run(leader.dispatcher.work(router));
    await world.run(work.unsubscribe(gone.id));
    const took = taking(world, 'https://a.test');
    expect(await world.run(work.redrive(1000))).toBe(3);
    expect(took.toSorted()).toEqual(numbered(3, 50));
    expect(await world.deadLetters(router)).toHaveLength(106);
    await leader.end();
  });

  it('ends with its subscription when it says 410', async () => {
    const world = new World();
    const router = await world.router('app/jobs');
    const leader = world.leader();
    world.webhooks.set('https://a.test', () => ({ outcome: 'gone', reason: 'HTTP 410' }));
    const { id } = await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await leader.publish(router, ['x']);
    await world.settle();
    expect(await leader.view(router, id)).toMatchObject({
      state: 'ended',
      lastError: { reason: 'HTTP 410' },
    });
    await leader.end();
  });

  it('costs the others nothing when it hangs, and its messages are dead letters when they have waited too long', async () => {
    const world = new World();
    const router = await world.router('app/jobs', { bufferTimeoutMs: 600_000 });
    const stream = await world.stream('app/log');
    const leader = world.leader();
    const took = taking(world, 'https://a.test');
    let hung = 0;
    world.webhooks.set('https://hung.test', () => {
      hung += 1;
      return new Promise<DeliveryResult>((resolve) =>
        world.runtime.setTimer(10_000, () =>
          resolve({ outcome: 'retry', reason: 'no answer within 10000 ms' }),
        ),
      );
    });
    await leader.subscribe(router, { target: { webhook: 'https://hung.test' } });
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await leader.subscribe(router, { target: { name: 'app/log' } });
    for (let at = 0; at < 1000; at += 100) await leader.publish(router, numbered(100, at));
    await world.settle(1000);
    expect(took).toHaveLength(1000);
    expect(await world.values(stream)).toHaveLength(1000);
    expect(hung).toBeLessThan(20);
    await world.settle(3_600_000);
    const letters = await world.deadLetters(router);
    expect(letters.map(({ value }) => value).toSorted()).toEqual(numbered(1000).toSorted());
    expect(hung).toBeLessThan(200);
    await leader.end();
  });
});
