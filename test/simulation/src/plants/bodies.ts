import { isDeadLetter } from '../bus/envelopes.ts';
import type { Plant } from './plant.ts';

const LATER_MS = 30;

/** A body is said to be stored before it is. */
export const bodyBehind: Plant = {
  name: 'body-behind',
  profile: 'policies',
  says: 'a message is sent before its body is stored: it has none when its node dies',
  beforeLine: (storage, process) => {
    const { bodies } = storage;
    const put: typeof bodies.put = async (container, id, bytes) => {
      process.setTimer(LATER_MS, () => void bodies.put(container, id, bytes).catch(() => undefined));
    };
    return { ...storage, bodies: { ...bodies, put } };
  },
};

/** Nobody seems to wait among dead letters, however many there are. */
export const tidyInUse: Plant = {
  name: 'tidy-in-use',
  profile: 'policies',
  says: 'bodies are tidied away while dead letters that refer to them wait',
  beforeLine: (storage) => {
    const { queues } = storage;
    const graves = new Set<string>();
    const send: typeof queues.send = (queue, body, times, options) => {
      if (isDeadLetter(body)) graves.add(queue);
      return queues.send(queue, body, times, options);
    };
    const properties: typeof queues.properties = async (queue, options) =>
      graves.has(queue) ? { approximateCount: 0 } : queues.properties(queue, options);
    return { ...storage, queues: { ...queues, send, properties } };
  },
  // They are to wait for long enough: nobody brings them back, and bodies are soon taken for old.
  provoke: (setup) => {
    const { bus } = setup;
    if (bus?.policies === undefined) return setup;
    return {
      ...setup,
      nodes: setup.nodes.map((node) => ({ ...node, queueLimits: { orphanAgeMs: 500 } })),
      bus: { ...bus, policies: { ...bus.policies, redriveEveryMs: undefined } },
    };
  },
};
