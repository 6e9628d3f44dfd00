import type { QueueStore } from '../ports.ts';
import {
  checkMessageCount,
  checkQueue,
  checkQueueBody,
  checkReceipt,
  checkSendTimes,
  checkVisibility,
} from '../rules.ts';
import { type FileCalls, ownBytes } from './calls.ts';
import type { FileClock } from './clock.ts';

/** Queues as rows of the database, with the receipts of Azure's. */
export function fileQueues({ write, repeatable }: FileCalls, clock: FileClock): QueueStore {
  return {
    async createQueue(queue, options) {
      checkQueue(queue);
      await repeatable(options, 'createQueue', queue);
    },
    async deleteQueue(queue, options) {
      checkQueue(queue);
      await repeatable(options, 'deleteQueue', queue);
    },
    async send(queue, body, { delayMs, timeToLiveMs } = {}, options) {
      checkQueue(queue);
      checkQueueBody(body);
      checkSendTimes({ delayMs, timeToLiveMs });
      return await write(
        options,
        'sendMessage',
        queue,
        ownBytes(body),
        { delayMs, timeToLiveMs },
        clock.now(),
      );
    },
    async receive(queue, { max, visibilityTimeoutMs }, options) {
      checkQueue(queue);
      checkMessageCount(max);
      checkVisibility(visibilityTimeoutMs, 1000);
      return await write(options, 'receiveMessages', queue, max, visibilityTimeoutMs, clock.now());
    },
    async update(queue, { messageId, popReceipt }, { visibilityTimeoutMs, body }, options) {
      checkQueue(queue);
      checkVisibility(visibilityTimeoutMs, 0);
      if (body !== undefined) checkQueueBody(body);
      const receipt = { messageId, popReceipt };
      checkReceipt(receipt);
      const own = body && ownBytes(body);
      return await write(options, 'updateMessage', queue, receipt, visibilityTimeoutMs, own, clock.now());
    },
    async delete(queue, { messageId, popReceipt }, options) {
      checkQueue(queue);
      const receipt = { messageId, popReceipt };
      checkReceipt(receipt);
      await write(options, 'deleteMessage', queue, receipt, clock.now());
    },
    async peek(queue, max, options) {
      checkQueue(queue);
      checkMessageCount(max);
      return await repeatable(options, 'peekMessages', queue, max, clock.now());
    },
    async properties(queue, options) {
      checkQueue(queue);
      return await repeatable(options, 'queueProperties', queue, clock.now());
    },
  };
}
