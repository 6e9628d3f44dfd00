import type { InsideDrill, OutsideDrill } from '../drill.ts';
import { DrillError } from '../errors.ts';
import { handOver } from './handing-over.ts';
import { BY_ITS_PROCESS, NO_GAP, none, one, rulingNode } from './parts.ts';

export const observe: OutsideDrill = {
  name: 'observe',
  does: 'Nothing: publishes and reads for ten seconds, and checks everything.',
  expects: 'The leader stays and publishing never pauses. What others are compared with.',
  setup: {},
  load: {},
  hold: { until: 'time', forMs: 10_000 },
  expect: { changes: none, changesAfterHeal: none, figures: NO_GAP },
  prepare: async () => ({ begin: async () => {} }),
};

export const handover: OutsideDrill = {
  name: 'handover',
  does: 'Asks the leader to hand over, as before maintenance.',
  expects: 'Another node leads after a short pause, and no publish fails.',
  setup: {},
  load: {},
  hold: { until: 'takeover', thenMs: 1000 },
  expect: { changes: one, changesAfterHeal: none, figures: { p50Ms: 150, p99Ms: 400 } },
  prepare: async (stage) => ({ begin: () => handOver(stage) }),
};

export const rollingRestart: InsideDrill = {
  name: 'rolling-restart',
  does: 'Restarts every node in order (SIGTERM), one after the other, the leader last, as for an upgrade.',
  expects: 'One handover, and no publish fails.',
  setup: {},
  load: {},
  hold: { until: 'time', forMs: 0 },
  expect: { changes: one, changesAfterHeal: none, figures: { p50Ms: 150, p99Ms: 400 } },
  notFromOutside: BY_ITS_PROCESS,
  async prepare(stage) {
    const leader = rulingNode(stage);
    const { cluster } = stage.lab;
    const others = cluster.nodes.map(({ id }) => id).filter((id) => id !== leader);
    return {
      async begin() {
        for (const id of [...others, leader]) await cluster.restart(id);
      },
    };
  },
};

export const restartEverything: InsideDrill = {
  name: 'restart-everything',
  does: 'Stops every node and then the storage, in order (SIGTERM), and starts all of it again.',
  expects: 'All that was acknowledged is there, and publishing goes on by itself.',
  setup: { storageProcess: true },
  load: {},
  hold: { until: 'time', forMs: 500 },
  expect: { changes: { min: 0, max: 1 }, changesAfterHeal: one },
  notFromOutside: BY_ITS_PROCESS,
  async prepare({ lab: { cluster } }) {
    const ids = cluster.nodes.map(({ id }) => id);
    return {
      async begin() {
        await Promise.all(ids.map((id) => cluster.kill(id, 'SIGTERM')));
        await cluster.kill('storage', 'SIGTERM');
      },
      async end() {
        await cluster.restart('storage');
        await Promise.all(ids.map((id) => cluster.restart(id)));
      },
    };
  },
};

export const redisDown: InsideDrill = {
  name: 'redis-down',
  does: 'Kills the Redis that carries the wake-ups, and starts it again eight seconds later.',
  expects: 'Nobody notices: consumers are woken by polling meanwhile.',
  setup: { redis: true },
  load: {},
  hold: { until: 'time', forMs: 8000 },
  expect: { changes: none, changesAfterHeal: none, figures: NO_GAP },
  notFromOutside: BY_ITS_PROCESS,
  async prepare({ lab: { redis } }) {
    if (redis === undefined) throw new DrillError('not_settled', 'this lab has no Redis');
    return { begin: () => redis.kill(), end: () => redis.start() };
  },
};
