import type { BodyStore, MessageReceipt, QueueStore } from '@message-vault/storage';
import { call, type Send } from './send.ts';

export function queuesOver(send: Send): QueueStore {
  return {
    createQueue: (queue, options) =>
      send(
        call('createQueue', 'repeatable', queue, (to) => to.queues.createQueue(queue)),
        options,
      ),
    deleteQueue: (queue, options) =>
      send(
        call('deleteQueue', 'repeatable', queue, (to) => to.queues.deleteQueue(queue)),
        options,
      ),
    send: (queue, body, times, options) => {
      const kept = body.slice();
      return send(
        call('send', 'write', queue, (to) => to.queues.send(queue, kept, times)),
        options,
      );
    },
    receive: (queue, how, options) =>
      send(
        call('receive', 'write', `${queue} up to ${how.max}`, (to) => to.queues.receive(queue, how)),
        options,
      ),
    update: (queue, receipt, { visibilityTimeoutMs, body }, options) => {
      const kept = { visibilityTimeoutMs, body: body?.slice() };
      return send(
        call('update', 'write', about(queue, receipt), (to) => to.queues.update(queue, receipt, kept)),
        options,
      );
    },
    delete: (queue, receipt, options) =>
      send(
        call('deleteMessage', 'write', about(queue, receipt), (to) => to.queues.delete(queue, receipt)),
        options,
      ),
    peek: (queue, max, options) =>
      send(
        call('peek', 'read', queue, (to) => to.queues.peek(queue, max)),
        options,
      ),
    properties: (queue, options) =>
      send(
        call('queueProperties', 'read', queue, (to) => to.queues.properties(queue)),
        options,
      ),
  };
}

export function bodiesOver(send: Send): BodyStore {
  return {
    put: (container, id, bytes, options) => {
      const kept = bytes.slice();
      return send(
        call('putBody', 'repeatable', `${container}/${id}`, (to) => to.bodies.put(container, id, kept)),
        options,
      );
    },
    get: (container, id, options) =>
      send(
        call('getBody', 'read', `${container}/${id}`, (to) => to.bodies.get(container, id)),
        options,
      ),
    delete: (container, id, options) =>
      send(
        call('deleteBody', 'repeatable', `${container}/${id}`, (to) => to.bodies.delete(container, id)),
        options,
      ),
    list: (container, page, options) =>
      send(
        call('listBodies', 'read', container, (to) => to.bodies.list(container, page)),
        options,
      ),
  };
}

function about(queue: string, { messageId, popReceipt }: MessageReceipt): string {
  return `${queue} ${messageId} by ${popReceipt}`;
}
