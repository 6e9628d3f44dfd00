import type { BusDrill, BusStage, Fault, Load } from '../drill.ts';
import { handOver } from './handing-over.ts';
import { BY_ITS_PROCESS, killing, NO_GAP, none, one, rulingNode } from './parts.ts';

const BY_ITS_SUBSCRIBERS =
  'its subscribers have to be reached by the nodes, and its consumers are processes here';

/** A message is far more work here than in a stream: some ten calls of the storage, to bring it to four places. */
const LOAD: Partial<Load> = { everyMs: 120, tails: 1, replayers: 0 };

const common = { of: 'bus', setup: {}, load: LOAD, notFromOutside: BY_ITS_PROCESS } as const;
const afterTakeover = { until: 'takeover', thenMs: 3000 } as const;
const takeover = { changes: one, changesAfterHeal: none, figures: { p50Ms: 1200, p99Ms: 2500 } } as const;

export const busObserve: BusDrill = {
  ...common,
  name: 'bus-observe',
  does: 'Nothing to the cluster: sends messages through a router to all, with a queue, a stream, a webhook and a router to one behind it, and through a queue of several consumers.',
  expects: 'Everything flows. What the other drills of queues and routers are compared with.',
  hold: { until: 'time', forMs: 8000 },
  expect: { changes: none, changesAfterHeal: none, figures: NO_GAP },
  notFromOutside: BY_ITS_SUBSCRIBERS,
  prepare: async () => ({ begin: async () => {} }),
};

export const busKillMaster: BusDrill = {
  ...common,
  name: 'bus-kill-master',
  does: 'Kills the leader (SIGKILL) while it hands on what flows through its routers; later starts it again.',
  expects:
    'The next leader goes on from the saved cursors: nothing is lost, nothing stands twice in a stream, and no message of the router to one is acknowledged by two.',
  hold: afterTakeover,
  expect: takeover,
  prepare: async (stage) => killing(stage, rulingNode(stage)),
};

export const busFreezeMaster: BusDrill = {
  ...common,
  name: 'bus-freeze-master',
  does: 'Freezes the leader (SIGSTOP) while it hands on, until another one leads, and lets it go on (SIGCONT).',
  expects: 'When it wakes up it hands on nothing more, and saves no cursor over those of its successor.',
  hold: afterTakeover,
  expect: takeover,
  async prepare(stage) {
    const frozen = stage.lab.node(rulingNode(stage));
    const { cluster } = stage.lab;
    return {
      begin: () => cluster.kill(frozen.id, 'SIGSTOP'),
      end: () => cluster.kill(frozen.id, 'SIGCONT'),
      async afterwards() {
        const role = stage.watch.viewOf(frozen.url)?.role;
        if (role !== 'standby') stage.problem(`${frozen.id} should be a standby, and is ${role}`);
      },
    };
  },
};

export const busHandover: BusDrill = {
  ...common,
  name: 'bus-handover',
  does: 'Asks the leader to hand over while it hands on what flows through its routers.',
  expects: 'A short pause, no publish fails, and listeners find the next leader.',
  hold: afterTakeover,
  expect: { ...takeover, figures: { p50Ms: 150, p99Ms: 400 } },
  notFromOutside: BY_ITS_SUBSCRIBERS,
  prepare: async (stage) => ({ begin: () => handOver(stage) }),
};

export const busKillConsumer: BusDrill = {
  ...common,
  name: 'bus-kill-consumer',
  does: 'Kills one of three processes (SIGKILL) that consume the queues, while it holds messages under lock.',
  expects: 'Nobody gets what it held before its locks are over, and then somebody does. Nothing else waits.',
  // As long as the locks, and the time it takes to notice that they are over.
  hold: { until: 'time', forMs: 7000 },
  expect: { changes: none, changesAfterHeal: none, figures: NO_GAP },
  prepare: killingConsumer,
};

async function killingConsumer(stage: BusStage): Promise<Fault> {
  const [consumer, ...others] = stage.bus.consumers.toSorted((a, b) => b.held - a.held);
  return {
    async begin() {
      await consumer?.kill();
      const held = consumer?.held ?? 0;
      stage.note(`${consumer?.name} died holding ${held} messages; ${others.length} consumers go on.`);
    },
  };
}

/** Several times what a push may take. */
const DEAD_MS = 9000;

export const busDeadSubscriber: BusDrill = {
  ...common,
  name: 'bus-dead-subscriber',
  does: 'Has the webhook behind the router to all take requests and never answer, and of the router to one two of five: one is not there at all, one hangs.',
  expects:
    'Nobody else waits for them. Their messages of the router to one go to others; the webhook gets everything it missed when it is back.',
  hold: { until: 'time', forMs: DEAD_MS },
  expect: {
    changes: none,
    changesAfterHeal: none,
    figures: NO_GAP,
    deliveries: { p99Ms: 600, butFor: ['hook'] },
  },
  notFromOutside: BY_ITS_SUBSCRIBERS,
  prepare: deadSubscribers,
};

async function deadSubscribers({ bus, note }: BusStage): Promise<Fault> {
  const [hook, down, hanging] = ['hook', 'sink-1', 'sink-2'].map((name) => bus.sink(name));
  let before = 0;
  return {
    async begin() {
      await Promise.all([hook?.turn('hangs'), down?.turn('down'), hanging?.turn('hangs')]);
      before = bus.delivered('work');
    },
    async end() {
      note(
        `Meanwhile the router to one brought ${bus.delivered('work') - before} messages to the other three.`,
      );
      await Promise.all([hook?.turn('well'), down?.turn('well'), hanging?.turn('well')]);
    },
  };
}
