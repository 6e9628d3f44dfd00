import { encodeBatch } from '@message-vault/framing';
import {
  intakeOf,
  type QueueDocument,
  type RouterDocument,
  type StreamDocument,
} from '@message-vault/metadata';
import { type Fault, randomFaults, type StorageCall } from '@message-vault/storage';
import { TestListener } from './listener.ts';
import { type Leader, text, World } from './world.ts';

/**
 * How the first leader goes: its calls arrive late, or never, or their answers are lost. In a storm it leads on for a while,
 * with a storage that does all that at random.
 */
export type Ending = 'frozen' | 'cut_off' | 'answers_lost' | 'in_a_storm';

export interface Outcome {
  readonly world: World;
  /** Calls the first leader made before it went. */
  readonly calls: number;
  readonly acknowledged: readonly string[];
  readonly intake: readonly string[];
  readonly copied: readonly string[];
  readonly queued: readonly string[];
  /** What each member of the router `one` had: in its stream, taken by its webhook, acknowledged for certain by listeners. */
  readonly members: Readonly<Record<string, readonly string[]>>;
  /** What listeners said they had dealt with, whether they ever heard that it was saved. */
  readonly answered: readonly string[];
  readonly deadLetters: readonly string[];
}

const ROUNDS = 6;
const STORM_ROUNDS = 60;
const LATE_MS = 25_000;

interface Names {
  readonly all: RouterDocument;
  readonly one: RouterDocument;
  readonly copy: StreamDocument;
  readonly audit: QueueDocument;
  readonly work: StreamDocument;
}

/**
 * Two leaders, the second one begins after the first one has gone at its `at`th call: a router `all` hands on to a stream,
 * a queue and a router `one`, that gives to a stream, a webhook and two listeners, of which one comes back. Webhooks fail now and then, and one of them leaves.
 */
export async function failover(at: number, ending: Ending, seed = 1): Promise<Outcome> {
  const world = new World(seed);
  const names = await namesOf(world);
  const took: string[] = [];
  const run = { acknowledged: [] as string[], sent: 0 };
  let first: Leader | undefined;
  let calls = 0;
  const storm = randomFaults(world.runtime, {
    refuse: 0.05,
    throttle: 0.05,
    loseAnswer: 0.05,
    landLater: 0.03,
    repeat: 0.03,
    delay: 0.1,
    maxMs: 3000,
  });
  const fault = (call: StorageCall): Fault | undefined => {
    calls += 1;
    if (calls <= at) return undefined;
    if (ending === 'in_a_storm') return storm(call);
    if (first !== undefined) first.leadership.leading = false;
    return faultOf(ending, call);
  };
  const alsoTook: string[] = [];
  for (const [url, into] of [
    ['https://a.test', took],
    ['https://b.test', alsoTook],
  ] as const) {
    world.webhooks.set(url, ({ message }) => {
      if (world.runtime.random() < 0.2) return { outcome: 'retry', reason: 'HTTP 500' };
      into.push(Buffer.from(message.value).toString());
      return { outcome: 'delivered' };
    });
  }
  first = world.leader({ fault });
  await quietly(world, subscribeAll(first, names));
  const stays = new TestListener(world.uuid());
  const goes = new TestListener(world.uuid());
  await quietly(world, Promise.all([attach(first, names.one, stays), attach(first, names.one, goes)]));
  const rounds = ending === 'in_a_storm' ? STORM_ROUNDS : ROUNDS;
  for (let round = 0; round < rounds; round += 1) {
    publish(first, names.all, run);
    await world.settle(170);
    if (round === rounds >> 1) await quietly(world, unsubscribe(first, names.one, 'https://b.test'));
  }
  await world.settle(1000);
  first.leadership.leading = false;
  const made = calls;
  const second = world.leader();
  await quietly(world, subscribeAll(second, names));
  const back = new TestListener(stays.id);
  await quietly(world, attach(second, names.one, back));
  for (let round = 0; round < 3; round += 1) {
    publish(second, names.all, run);
    await world.settle(170);
  }
  await world.settle(LATE_MS * 3);
  await second.end();
  const values = async (document: StreamDocument | RouterDocument) => await world.values(document);
  return {
    world,
    calls: made,
    acknowledged: run.acknowledged,
    intake: await values(names.all),
    copied: await values(names.copy),
    queued: (await world.drain(names.audit)).map(({ value }) => value),
    members: {
      stream: await values(names.work),
      webhook: took,
      leaves: alsoTook,
      stays: [...stays.kept, ...back.kept],
      goes: goes.kept,
    },
    answered: [stays, goes, back].flatMap(({ answered }) => answered),
    deadLetters: [...(await world.deadLetters(names.all)), ...(await world.deadLetters(names.one))].map(
      ({ value }) => value,
    ),
  };
}

function faultOf(ending: Ending, { effect }: StorageCall): Fault {
  if (ending === 'cut_off')
    return { kind: 'refuse', code: effect === 'write' ? 'outcome_unknown' : 'unavailable' };
  if (ending === 'answers_lost' && effect !== 'read') return { kind: 'lose_answer' };
  return { kind: 'delay', beforeMs: LATE_MS };
}

async function namesOf(world: World): Promise<Names> {
  return {
    all: await world.router('app/all'),
    one: await world.router('app/one', { distribution: 'one', pushDeliveryTimeoutMs: 3000 }),
    copy: await world.stream('app/copy'),
    audit: await world.queue('app/audit'),
    work: await world.stream('app/work'),
  };
}

/** Subscribes what is not subscribed yet: the first leader may have gone in the middle of it. */
async function subscribeAll({ dispatcher }: Leader, names: Names): Promise<void> {
  await dispatcher.ready();
  const wanted: [RouterDocument, { name: string } | { webhook: string }][] = [
    [names.all, { name: 'app/copy' }],
    [names.all, { name: 'app/audit' }],
    [names.all, { name: 'app/one' }],
    [names.one, { name: 'app/work' }],
    [names.one, { webhook: 'https://a.test' }],
    [names.one, { webhook: 'https://b.test' }],
  ];
  for (const [router, target] of wanted) {
    const there = (await dispatcher.work(router)).views();
    if (there.some((view) => JSON.stringify(view.target) === JSON.stringify(target))) continue;
    await dispatcher.subscribe(router, {
      target,
      from: router === names.all ? { at: 'earliest' } : undefined,
    });
  }
}

async function unsubscribe({ dispatcher }: Leader, router: RouterDocument, webhook: string): Promise<void> {
  const work = await dispatcher.work(router);
  for (const { id, target } of work.views()) {
    if ('webhook' in target && target.webhook === webhook) await work.unsubscribe(id);
  }
}

async function attach({ dispatcher }: Leader, router: RouterDocument, listener: TestListener): Promise<void> {
  const work = await dispatcher.work(router);
  listener.attachment = await work.attach(listener);
}

function publish(
  leader: Leader,
  router: RouterDocument,
  run: { acknowledged: string[]; sent: number },
): void {
  const values = Array.from({ length: 5 }, () => `m${run.sent++}`);
  const batch = encodeBatch({ messages: values.map((value) => text(value)) });
  leader.append(intakeOf(router), batch).then(
    () => run.acknowledged.push(...values),
    () => {},
  );
}

/** A leader that has gone answers nothing, or with an error: neither is news here. */
async function quietly(world: World, work: Promise<unknown>): Promise<void> {
  work.catch(() => {});
  await world.settle(1500);
}
