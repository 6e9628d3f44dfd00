import { crc32 } from 'node:zlib';
import type { Plant } from './plant.ts';

/** Where an envelope holds its CRC, from where that is taken, and when the message expires. */
const CRC_AT = 4;
const CRC_FROM = 8;
const EXPIRES_AT = 36;

/** Messages get into their queues without a word of when they expire. */
export const forgetExpiry: Plant = {
  name: 'forget-expiry',
  profile: 'policies',
  says: 'a message whose time to live is over is given out all the same',
  beforeLine: (storage) => {
    const { queues } = storage;
    const send: typeof queues.send = (queue, body, times, options) => {
      const changed = Buffer.from(body);
      changed.fill(0, EXPIRES_AT, EXPIRES_AT + 8);
      changed.writeUInt32LE(crc32(changed.subarray(CRC_FROM)), CRC_AT);
      return queues.send(queue, changed, times, options);
    };
    return { ...storage, queues: { ...queues, send } };
  },
};

/** A queue always looks empty to who counts it. */
export const neverFull: Plant = {
  name: 'never-full',
  profile: 'policies',
  says: 'a queue takes in more than it is to hold',
  beforeLine: (storage) => {
    const { queues } = storage;
    return { ...storage, queues: { ...queues, properties: async () => ({ approximateCount: 0 }) } };
  },
};
