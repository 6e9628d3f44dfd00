import type { Fault } from '../faults/fault.ts';
import type { Setup } from './setup.ts';

const AT_MS = 1000;
const STREAM = 'orders';

/**
 * The leader's machine is suspended when it is about to create a segment, and everybody goes on without it for so long that
 * retention has deleted the segment of that name when it wakes up. Its clock says that it leads.
 */
export function suspendedAtRoll(setup: Setup): Setup {
  const suspends: Fault = {
    atMs: AT_MS,
    kind: 'ambush',
    ambush: {
      node: undefined,
      operation: 'createSegment',
      about: undefined,
      nth: 2,
      step: 'sent',
      act: 'suspend',
      forMs: 4000,
    },
  };
  const deposes: Fault = { atMs: AT_MS + 100, kind: 'breakLease' };
  return {
    ...setup,
    streams: [{ name: STREAM, segmentCommits: 2, retentionBytes: 1 }],
    nodes: setup.nodes.map((node) => ({ ...node, limits: { ...node.limits, checkpointEvery: 8 } })),
    producers: setup.producers.map((producer) => ({ ...producer, stream: STREAM })),
    consumers: setup.consumers.map((consumer) => ({ ...consumer, stream: STREAM })),
    faults: [...setup.faults, suspends, deposes].sort((a, b) => a.atMs - b.atMs),
  };
}
