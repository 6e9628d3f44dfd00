import type { Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import type { QueueStore } from '../ports.ts';
import {
  checkMessageCount,
  checkQueue,
  checkQueueBody,
  checkReceipt,
  checkSendTimes,
  checkVisibility,
} from '../rules.ts';
import { answerRepeatable, answerWrite } from './answers.ts';
import { MessageQueue } from './message-queue.ts';

/** Queues in this process's memory, with the receipts of Azure's, in the time of `runtime`. */
export function memoryQueues(runtime: Runtime): QueueStore {
  const queues = new Map<string, MessageQueue>();
  let numbers = 0;
  const next = (): number => ++numbers;

  function queueOf(queue: string): MessageQueue {
    checkQueue(queue);
    const found = queues.get(queue);
    if (found === undefined) throw new StorageError('not_found', `there is no queue ${queue}`);
    return found;
  }

  return {
    createQueue: (queue, options) =>
      answerRepeatable(options, () => {
        checkQueue(queue);
        if (!queues.has(queue)) queues.set(queue, new MessageQueue(runtime, next));
      }),
    deleteQueue: (queue, options) =>
      answerRepeatable(options, () => {
        checkQueue(queue);
        queues.delete(queue);
      }),
    send: (queue, body, times = {}, options) =>
      answerWrite(options, () => {
        checkQueueBody(body);
        checkSendTimes(times);
        return queueOf(queue).send(body, times);
      }),
    receive: (queue, { max, visibilityTimeoutMs }, options) =>
      answerWrite(options, () => {
        checkMessageCount(max);
        checkVisibility(visibilityTimeoutMs, 1000);
        return queueOf(queue).receive(max, visibilityTimeoutMs);
      }),
    update: (queue, receipt, { visibilityTimeoutMs, body }, options) =>
      answerWrite(options, () => {
        checkVisibility(visibilityTimeoutMs, 0);
        if (body !== undefined) checkQueueBody(body);
        checkReceipt(receipt);
        return { popReceipt: queueOf(queue).update(receipt, visibilityTimeoutMs, body) };
      }),
    delete: (queue, receipt, options) =>
      answerWrite(options, () => {
        checkReceipt(receipt);
        queueOf(queue).delete(receipt);
      }),
    peek: (queue, max, options) =>
      answerRepeatable(options, () => {
        checkMessageCount(max);
        return queueOf(queue).peek(max);
      }),
    properties: (queue, options) =>
      answerRepeatable(options, () => ({ approximateCount: queueOf(queue).count })),
  };
}
