import type { Fault, InsideDrill, Stage } from '../drill.ts';
import { metricOf } from '../metrics.ts';
import { pause } from '../wait.ts';
import { BY_ITS_PROCESS, first, killing, NO_GAP, none, one, rulingNode, standbys } from './parts.ts';

const LATE_MESSAGES = 5;
/** Enough for a request to lie in the socket of a process that does not run. */
const LIE_IN_WAIT_MS = 200;

const afterTakeover = { until: 'takeover', thenMs: 1000 } as const;

export const killMaster: InsideDrill = {
  name: 'kill-master',
  does: 'Kills the leader (SIGKILL) in the middle of publishing; later starts it again.',
  expects: 'The standby leads in about a second, and the killed node joins as standby: roles stay swapped.',
  setup: {},
  load: {},
  hold: afterTakeover,
  expect: { changes: one, changesAfterHeal: none, figures: { p50Ms: 1200, p99Ms: 2500 } },
  notFromOutside: BY_ITS_PROCESS,
  prepare: async (stage) => killing(stage, rulingNode(stage)),
};

export const killMasterMidRoll: InsideDrill = {
  ...killMaster,
  name: 'kill-master-mid-roll',
  does: 'Kills the leader while it goes on to another segment, which here it does with every second commit.',
  expects: 'As with kill-master: whatever the roll had come to, the next leader goes on from there.',
  load: { segmentCommits: 2 },
};

export const killSlave: InsideDrill = {
  name: 'kill-slave',
  does: 'Kills the standby (SIGKILL); later starts it again.',
  expects: 'Nobody who publishes notices; the leader stays.',
  setup: {},
  load: {},
  hold: { until: 'time', forMs: 3000 },
  expect: { changes: none, changesAfterHeal: none, figures: NO_GAP },
  notFromOutside: BY_ITS_PROCESS,
  prepare: async (stage) => killing(stage, first('standby', standbys(stage))),
};

export const killReader: InsideDrill = {
  ...killSlave,
  name: 'kill-reader',
  does: 'Kills the reader (SIGKILL) while consumers tail and replay through it; later starts it again.',
  expects: 'Nobody who publishes notices, and consumers go on at other nodes with no gap and no repeat.',
  prepare: async (stage) => killing(stage, first('reader', readers(stage))),
};

export const killEverything: InsideDrill = {
  name: 'kill-everything',
  does: 'Kills every node at once (SIGKILL), as when the power goes, and starts them again.',
  expects: 'All that was acknowledged is there, and publishing goes on by itself.',
  setup: {},
  load: {},
  hold: { until: 'time', forMs: 1000 },
  expect: { changes: none, changesAfterHeal: one },
  notFromOutside: BY_ITS_PROCESS,
  async prepare({ lab: { cluster } }) {
    const ids = cluster.nodes.map(({ id }) => id);
    return {
      async begin() {
        await Promise.all(ids.map((id) => cluster.kill(id)));
      },
      async end() {
        await Promise.all(ids.map((id) => cluster.restart(id)));
      },
    };
  },
};

export const freezeMaster: InsideDrill = {
  name: 'freeze-master',
  does: 'Freezes the leader (SIGSTOP) until another one leads, gives it publishes to wake up to, and lets it go on (SIGCONT).',
  expects:
    'What it still wants to write is refused by the storage, it acknowledges none of it, and becomes a standby by itself.',
  setup: {},
  load: {},
  hold: { until: 'takeover', thenMs: 1500 },
  expect: { changes: one, changesAfterHeal: none, figures: { p50Ms: 1200, p99Ms: 2500 } },
  notFromOutside: BY_ITS_PROCESS,
  prepare: freezing,
};

export const freezeMasterPastLease: InsideDrill = {
  ...freezeMaster,
  name: 'freeze-master-past-lease',
  does: 'Freezes the leader (SIGSTOP) until its lease would long have expired, and lets it go on (SIGCONT).',
  expects: 'Its own clock tells it that it may not lead any more, before it writes anything.',
  hold: { until: 'time', forMs: 18_000 },
};

/**
 * What a leader does when it wakes up depends on what it has in hand: a commit under way in the busy stream, whose answer
 * came too late; a publish to a stream that its successor has opened meanwhile, which the storage refuses; and one to a
 * stream that nobody has touched since, where its write lands, and has to be found by its successor.
 */
async function freezing(stage: Stage): Promise<Fault> {
  const { cluster } = stage.lab;
  const frozen = stage.lab.node(rulingNode(stage));
  const writesBefore = await unansweredWrites(frozen.url);
  const opened = stage.producerThrough(frozen.url, 'opened');
  const untouched = stage.producerThrough(frozen.url, 'untouched');
  // Their connections are there before the node freezes: what they send then is read as soon as it wakes up.
  await Promise.all([opened.publish(1), untouched.publish(1)]);
  let late: Promise<unknown> = Promise.resolve();
  return {
    begin: () => cluster.kill(frozen.id, 'SIGSTOP'),
    async end() {
      const successor = stage.lab.node(rulingNode(stage));
      await stage.producerThrough(successor.url, 'opened').publish(1);
      late = Promise.all([opened.publish(LATE_MESSAGES), untouched.publish(LATE_MESSAGES)]);
      await pause(LIE_IN_WAIT_MS, stage.signal);
      await cluster.kill(frozen.id, 'SIGCONT');
    },
    async afterwards() {
      await late;
      noteWrites(stage, frozen.id, writesBefore, await unansweredWrites(frozen.url));
      const now = stage.lab.node(frozen.id);
      if (!now.alive || now.pid !== frozen.pid) stage.problem(`${frozen.id} did not stay up`);
      const role = stage.watch.viewOf(frozen.url)?.role;
      if (role !== 'standby') stage.problem(`${frozen.id} should be a standby, and is ${role}`);
    },
  };
}

interface UnansweredWrites {
  readonly refused: number;
  readonly givenUp: number;
}

async function unansweredWrites(url: string): Promise<UnansweredWrites> {
  const count = (outcomes: string): Promise<number> =>
    metricOf(url, {
      name: 'mvault_storage_calls_total',
      having: new RegExp(`operation="writePages".*outcome="(${outcomes})"`),
    });
  const [refused, givenUp] = await Promise.all([
    count('epoch_fenced|etag_mismatch'),
    count('outcome_unknown'),
  ]);
  return { refused, givenUp };
}

function noteWrites(stage: Stage, id: string, before: UnansweredWrites, after: UnansweredWrites): void {
  const refused = after.refused - before.refused;
  const givenUp = after.givenUp - before.givenUp;
  stage.note(
    `When it woke up, the storage refused ${refused} writes of ${id}; ${givenUp} were given up unanswered, because it stepped down first.`,
  );
}

export const secondContender: InsideDrill = {
  ...killMaster,
  name: 'second-contender',
  does: 'Kills the leader of a cluster with two standbys, which both want to lead then.',
  expects: 'One of them leads, the other stands by; neither takes the lead from the other.',
  setup: { slaves: 2 },
};

function readers({ lab }: Stage): string[] {
  return lab.cluster.nodes.filter(({ app }) => app === 'reader').map(({ id }) => id);
}
