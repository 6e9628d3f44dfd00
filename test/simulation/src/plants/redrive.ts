import { redrivesIn } from '../bus/envelopes.ts';
import type { Plant } from './plant.ts';

const LATER_MS = 300;

/** What comes back from the dead letters is said to be in its queue before it is; who dies meanwhile takes it along. */
export const redriveBehind: Plant = {
  name: 'redrive-behind',
  profile: 'policies',
  says: 'a dead letter is removed before it is back where it belongs: it is in neither place when its node dies',
  beforeLine: (storage, process) => {
    const { queues } = storage;
    const send: typeof queues.send = async (queue, body, times, options) => {
      if (redrivesIn(body) === 0) return queues.send(queue, body, times, options);
      process.setTimer(LATER_MS, () => void queues.send(queue, body, times).catch(() => undefined));
      return { messageId: 'made up', popReceipt: 'made up' };
    };
    return { ...storage, queues: { ...queues, send } };
  },
};
