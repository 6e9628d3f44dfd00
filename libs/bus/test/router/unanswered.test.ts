import type { RouterDocument, StreamDocument } from '@message-vault/metadata';
import type { Fault, StorageCall } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { taking } from './support/taking.ts';
import { unanswered } from './support/unanswered.ts';
import { type Leader, numbered, World } from './support/world.ts';

const LIMIT = 3;

interface Run {
  readonly world: World;
  readonly router: RouterDocument;
  readonly log: StreamDocument;
  /** `lost`: what is sent to the stream is there, and nobody gets to know. `down`: it takes nothing. */
  answers: 'given' | 'lost' | 'down';
  /** Leaders that take over can't read what the router took in. */
  blind: boolean;
  leader: Leader;
  readonly id: string;
}

/** A router whose policy leaves out the oldest has sent m1 to m5 to a stream, which does not answer. */
async function sentUnanswered(distribution: 'all' | 'one' = 'all'): Promise<Run> {
  const world = new World();
  const policy = { distribution, maxQueueLength: LIMIT, overflow: 'discard-existing' } as const;
  const router = await world.router('app/jobs', policy);
  const log = await world.stream('app/log');
  const run: Omit<Run, 'leader' | 'id'> = { world, router, log, answers: 'given', blind: false };
  const leader = leaderOf(run);
  const { id } = await leader.subscribe(router, { target: { name: 'app/log' } });
  await leader.publish(router, ['m0']);
  await world.settle();
  run.answers = 'lost';
  await leader.publish(router, numbered(5, 1));
  await world.settle(30_000);
  run.answers = 'down';
  return Object.assign(run, { leader, id });
}

function leaderOf(run: Omit<Run, 'leader' | 'id'>): Leader {
  let looks = 0;
  const fault = (call: StorageCall): Fault | undefined => {
    if (call.operation === 'pages.listSegments' && call.target === run.router.container) {
      looks += 1;
      // The first time it is about to write.
      if (run.blind && looks > 1) return { kind: 'refuse', code: 'unavailable' };
    }
    if (run.answers === 'lost') return unanswered(call, run.log);
    const isDown = run.answers === 'down' && call.target === run.log.container;
    return isDown ? { kind: 'refuse', code: 'unavailable' } : undefined;
  };
  return run.world.leader({ fault });
}

async function nextLeader(run: Run, how: 'hands over' | 'dies'): Promise<void> {
  if (how === 'dies') run.leader.leadership.leading = false;
  else await run.leader.end();
  run.leader = leaderOf(run);
  await run.world.run(run.leader.dispatcher.ready());
  await run.world.settle(run.blind ? 0 : 10_000);
}

async function setState({ world, leader, router, id }: Run, state: 'active' | 'paused'): Promise<void> {
  await world.run((await world.run(leader.dispatcher.work(router))).setState(id, state));
}

async function more({ world, leader, router }: Run, count: number, from: number): Promise<void> {
  for (let at = 0; at < count; at += 2) {
    await leader.publish(router, numbered(Math.min(2, count - at), from + at));
    await world.settle(5000);
  }
}

/** The stream answers again: what it has then. */
async function stored(run: Run): Promise<string[]> {
  run.answers = 'given';
  await run.world.settle(120_000);
  const values = await run.world.values(run.log);
  await run.leader.end();
  return values;
}

const next = {
  'that hands over': (run: Run) => nextLeader(run, 'hands over'),
  'that dies': (run: Run) => nextLeader(run, 'dies'),
};

describe.each(Object.entries(next))('what a leader %s has sent to a stream', (_how, change) => {
  it.each(['all', 'one'] as const)(
    'of a router %s is not there twice if the next one leaves something out before it has read that',
    async (distribution) => {
      const run = await sentUnanswered(distribution);
      run.blind = true;
      await change(run);
      await more(run, 1, 6);
      run.blind = false;
      await more(run, 1, 7);
      const values = await stored(run);
      expect(values).toEqual([...new Set(values)]);
      expect(values).toEqual(expect.arrayContaining(numbered(LIMIT, 5)));
    },
  );

  it('does not keep the next ones from leaving out what came later', async () => {
    const run = await sentUnanswered();
    for (let from = 6; from < 54; from += 6) {
      await change(run);
      await more(run, 6, from);
    }
    const values = await stored(run);
    expect(values).toEqual([...new Set(values)]);
    expect(values).toEqual(expect.arrayContaining(numbered(LIMIT, 51)));
    // What was sent last may wait besides, and what came since.
    expect(values.filter((value) => Number(value.slice(1)) > 5).length).toBeLessThan(3 * LIMIT);
  });

  it('stays with a subscription that is paused, whoever leads when it goes on', async () => {
    const run = await sentUnanswered();
    await setState(run, 'paused');
    await change(run);
    await more(run, 2, 6);
    await setState(run, 'active');
    const values = await stored(run);
    expect(values).toEqual([...new Set(values)]);
    expect(values).toEqual(expect.arrayContaining(numbered(LIMIT, 5)));
  });

  it('does not let more wait for a subscription that is paused than may', async () => {
    const run = await sentUnanswered();
    await setState(run, 'paused');
    for (let from = 6; from < 30; from += 2) {
      await change(run);
      await more(run, 2, from);
    }
    await setState(run, 'active');
    const values = await stored(run);
    expect(values.filter((value) => Number(value.slice(1)) > 5)).toEqual(numbered(LIMIT, 27));
  });
});

describe('what was sent to a stream and not answered', () => {
  it('is not there twice, though something is left out while the subscription is paused', async () => {
    const run = await sentUnanswered();
    await setState(run, 'paused');
    await more(run, 2, 6);
    await setState(run, 'active');
    const values = await stored(run);
    expect(values).toEqual([...new Set(values)]);
    expect(values).toEqual(expect.arrayContaining(numbered(LIMIT, 5)));
  });

  it('by a leader that died is for nobody else when the subscription is paused before the next one has read it', async () => {
    const run = await sentUnanswered('one');
    const took = taking(run.world, 'https://a.test');
    await run.leader.subscribe(run.router, { target: { webhook: 'https://a.test' } });
    run.blind = true;
    await nextLeader(run, 'dies');
    await setState(run, 'paused');
    run.blind = false;
    const values = await stored(run);
    expect(values).toEqual(numbered(6));
    expect(took).toEqual([]);
  });
});

it.each([
  ['what is on its way is not answered', 100],
  ['it has begun nothing anew since', 1500],
])(
  'what a queue may have is for nobody else, though something is left out for it and it is paused when %s',
  async (_when, slowMs) => {
    const world = new World();
    const policy = { distribution: 'one', maxQueueLength: 9, overflow: 'discard-existing' } as const;
    const router = await world.router('app/jobs', policy);
    const queue = await world.queue('app/work');
    let answers = false;
    const fault = ({ target, operation }: StorageCall): Fault | undefined => {
      if (answers) return undefined;
      if (target.startsWith('cursors/')) return { kind: 'delay', beforeMs: slowMs };
      return operation === 'queues.send' && target === queue.queue ? { kind: 'lose_answer' } : undefined;
    };
    const leader = world.leader({ fault });
    const { id } = await leader.subscribe(router, { target: { name: queue.name } });
    const took = taking(world, 'https://a.test');
    await leader.subscribe(router, { target: { webhook: 'https://a.test' } });
    await leader.publish(router, numbered(9));
    await world.settle(400);
    await leader.publish(router, numbered(3, 9));
    await world.settle(50);
    const work = await world.run(leader.dispatcher.work(router));
    await world.run(work.setState(id, 'paused'));
    answers = true;
    await world.settle(60_000);
    const queued = (await world.drain(queue)).map(({ value }) => value);
    expect(queued.length).toBeGreaterThan(1);
    expect(took.filter((value) => queued.includes(value))).toEqual([]);
    await leader.end();
  },
);
