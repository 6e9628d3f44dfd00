import type { ModeInput } from '@message-vault/chaos';
import type { Fault, InsideDrill, Stage } from '../drill.ts';
import { atMostOne, BY_ITS_NETWORK, first, NO_GAP, none, one, rulingNode, standbys } from './parts.ts';

/** Nothing comes through and nobody is told; when it heals, what was sent into it arrives, long overdue. */
const SILENCE: ModeInput = { mode: 'half-open' };

function cutting(
  { lab }: Stage,
  names: RegExp,
  mode: ModeInput = SILENCE,
): Fault & Required<Pick<Fault, 'end'>> {
  return {
    begin: () => lab.links.setMode(names, mode),
    end: () => lab.links.setMode(names, { mode: 'pass' }),
  };
}

/** Blobs and queues are two services, but a node is cut off from both or from none. */
const toStorage = (id: string): RegExp => new RegExp(`^${id}>(storage|queues)$`);
/** Both directions between two nodes. */
const between = (id: string, other: string): RegExp => new RegExp(`^(${id}>${other}|${other}>${id})$`);
const toAndFromNodes = (id: string): RegExp => new RegExp(`^(${id}>|.*>${id}$)`);

export const cutMasterFromStorage: InsideDrill = {
  name: 'cut-master-from-storage',
  does: 'Everything between the leader and the storage is swallowed, and delivered late when the link heals.',
  expects: 'The leader says that it can not lead, the standby takes over, and the late writes are refused.',
  setup: { storageLinks: 'tcp' },
  load: {},
  hold: { until: 'takeover', thenMs: 2000 },
  expect: { changes: one, changesAfterHeal: none, figures: { p50Ms: 2000 } },
  notFromOutside: BY_ITS_NETWORK,
  prepare: async (stage) => cutting(stage, toStorage(rulingNode(stage))),
};

export const masterStorageReset: InsideDrill = {
  ...cutMasterFromStorage,
  name: 'master-storage-reset',
  does: 'Every connection of the leader to the storage is reset, and so is every new one.',
  expects: 'As with cut-master-from-storage.',
  prepare: async (stage) => cutting(stage, toStorage(rulingNode(stage)), { mode: 'cut' }),
};

export const cutSlaveFromMaster: InsideDrill = {
  name: 'cut-slave-from-master',
  does: 'Everything between the standby and the leader is swallowed; the reader still reaches both.',
  expects: 'No takeover: the standby asks the reader, and raises the alarm that it is cut off itself.',
  setup: { nodeLinks: true },
  load: {},
  hold: { until: 'time', forMs: 8000 },
  expect: { changes: none, changesAfterHeal: none, figures: NO_GAP },
  notFromOutside: BY_ITS_NETWORK,
  async prepare(stage) {
    const slave = first('standby', standbys(stage));
    const cut = cutting(stage, between(slave, rulingNode(stage)));
    const { url } = stage.lab.node(slave);
    return {
      ...cut,
      async end() {
        const alarms = stage.watch.viewOf(url)?.alarms ?? [];
        if (!alarms.includes('cut_off_from_leader'))
          stage.problem(`${slave} raised no alarm that it is cut off`);
        await cut.end();
      },
    };
  },
};

export const cutMasterFromNodes: InsideDrill = {
  name: 'cut-master-from-nodes',
  does: 'Everything between the leader and all other nodes is swallowed. Storage and clients still reach it.',
  expects: 'Nobody reaches the leader, so the standby takes over; what the old one writes is refused.',
  setup: { nodeLinks: true },
  load: {},
  hold: { until: 'takeover', thenMs: 6000 },
  expect: { changes: one, changesAfterHeal: none },
  notFromOutside: BY_ITS_NETWORK,
  prepare: async (stage) => cutting(stage, toAndFromNodes(rulingNode(stage))),
};

export const cutSlaveFromStorage: InsideDrill = {
  name: 'cut-slave-from-storage',
  does: 'Everything between the standby and the storage is swallowed.',
  expects: 'Nobody who publishes notices; the leader stays.',
  setup: { storageLinks: 'tcp' },
  load: {},
  hold: { until: 'time', forMs: 8000 },
  expect: { changes: none, changesAfterHeal: none, figures: NO_GAP },
  notFromOutside: BY_ITS_NETWORK,
  prepare: async (stage) => cutting(stage, toStorage(first('standby', standbys(stage)))),
};

const EVERY_STORAGE_LINK = />(storage|queues)$/;

export const storageBrownout: InsideDrill = {
  name: 'storage-brownout',
  does: 'The storage answers half of all requests of every node with 503 for eight seconds.',
  expects: 'Publishing goes on, slower; no publish fails.',
  setup: { storageLinks: 'http' },
  load: {},
  hold: { until: 'time', forMs: 8000 },
  expect: { changes: atMostOne, changesAfterHeal: atMostOne },
  notFromOutside: BY_ITS_NETWORK,
  prepare: async (stage) =>
    disturbing(stage, { mode: 'errors', share: 0.5, status: 503, retryAfterSeconds: 1 }),
};

export const storageDropsAnswers: InsideDrill = {
  ...storageBrownout,
  name: 'storage-drops-answers',
  does: 'The storage carries out every write, but one answer in six is lost on the way back, for eight seconds.',
  expects: 'What landed is found out and acknowledged, and nothing is stored twice.',
  prepare: async (stage) => disturbing(stage, { mode: 'drop-answer', share: 1 / 6, only: 'writes' }),
};

function disturbing(stage: Stage, mode: ModeInput): Fault {
  const fault = cutting(stage, EVERY_STORAGE_LINK, mode);
  const before = stage.lab.links.disturbed;
  return {
    ...fault,
    async afterwards() {
      const disturbed = stage.lab.links.disturbed - before;
      stage.note(`${disturbed} requests to the storage were disturbed.`);
      if (disturbed === 0)
        stage.problem('no request to the storage was disturbed: the drill drilled nothing');
    },
  };
}

export const storageSlow: InsideDrill = {
  name: 'storage-slow',
  does: 'Every byte between the nodes and the storage takes 60 to 100 ms longer, each way, for eight seconds.',
  expects: 'Publishing goes on, slower; the leader stays.',
  setup: { storageLinks: 'tcp' },
  load: {},
  hold: { until: 'time', forMs: 8000 },
  expect: { changes: none, changesAfterHeal: none },
  notFromOutside: BY_ITS_NETWORK,
  prepare: async (stage) => cutting(stage, EVERY_STORAGE_LINK, { mode: 'delay', delayMs: 60, jitterMs: 40 }),
};

export const storageThrottled: InsideDrill = {
  ...storageSlow,
  name: 'storage-throttled',
  does: 'The line between each node and the storage carries 500 kB a second, each way, for eight seconds.',
  expects: 'Publishing goes on as well as the line lets it; queues stay bounded, and no publish fails.',
  expect: { changes: atMostOne, changesAfterHeal: atMostOne },
  prepare: async (stage) => cutting(stage, EVERY_STORAGE_LINK, { mode: 'throttle', bytesPerSecond: 500_000 }),
};

export const storageOutage: InsideDrill = {
  name: 'storage-outage',
  does: 'Nothing comes through between any node and the storage for 30 seconds: longer than a lease lasts.',
  expects:
    'Nobody can lead meanwhile; when the storage is back somebody does, by itself, and no publish fails.',
  setup: { storageLinks: 'tcp' },
  load: {},
  hold: { until: 'time', forMs: 30_000 },
  expect: { changes: none, changesAfterHeal: atMostOne },
  notFromOutside: BY_ITS_NETWORK,
  prepare: async (stage) => cutting(stage, EVERY_STORAGE_LINK),
};
