import type { Drill } from '../drill.ts';
import { rulingNode } from './parts.ts';

export const killMaster: Drill = {
  name: 'kill-master',
  does: 'Kills the leader (SIGKILL) in the middle of publishing; later starts it again.',
  expects: 'The standby leads in about a second, nothing is lost, and the killed node joins as standby.',
  setup: {},
  load: {},
  hold: { until: 'takeover', thenMs: 1000 },
  expect: {
    changes: { min: 1, max: 1 },
    changesAfterHeal: { min: 0, max: 0 },
    figures: { p50Ms: 1200, p99Ms: 2500 },
  },
  notFromOutside: 'a process can only be killed where it runs',
  async prepare(stage) {
    const leader = rulingNode(stage);
    return {
      begin: () => stage.lab.cluster.kill(leader),
      end: () => stage.lab.cluster.restart(leader),
    };
  },
};
