import { type Fault, faultyStorage, memoryStorage, type QueueStore } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../src/conformance/outcomes.ts';
import { handClock } from './hand-clock.ts';

const queue = 'mv-faulty';
const lock = { max: 1, visibilityTimeoutMs: 60_000 };

/** A queue whose next call, and only that, goes wrong as `fault` says. `inner` is the queue behind that. */
async function oneFault(): Promise<{
  clock: ReturnType<typeof handClock>;
  inner: QueueStore;
  queues: QueueStore;
  next(fault: Fault): void;
}> {
  const clock = handClock();
  const { runtime } = clock;
  const inner = memoryStorage({ runtime });
  await inner.queues.createQueue(queue);
  let pending: Fault | undefined;
  const take = (): Fault | undefined => {
    const fault = pending;
    pending = undefined;
    return fault;
  };
  const { queues } = faultyStorage(inner, take, { runtime });
  const next = (fault: Fault): void => {
    pending = fault;
  };
  return { clock, inner: inner.queues, queues, next };
}

describe('faulty storage: queues', () => {
  it('a send whose answer is lost may be there: sent again, the message is there twice', async () => {
    const { inner, queues, next } = await oneFault();
    next({ kind: 'lose_answer' });
    expect(await codeOf(queues.send(queue, new Uint8Array([1])))).toBe('outcome_unknown');
    await queues.send(queue, new Uint8Array([1]));
    expect(await inner.properties(queue)).toEqual({ approximateCount: 2 });
  });

  it('a send that lands late carries the bytes it had when it was sent', async () => {
    const { clock, inner, queues, next } = await oneFault();
    const body = new Uint8Array([1]);
    next({ kind: 'land_later', afterMs: 5_000 });
    expect(await codeOf(queues.send(queue, body))).toBe('outcome_unknown');
    body[0] = 9;
    expect(await inner.peek(queue, 1)).toEqual([]);
    await clock.pass(5_000);
    expect((await inner.peek(queue, 1)).map((message) => message.body)).toEqual([new Uint8Array([1])]);
  });

  it('a receive whose answer is lost hides the message until its time is over, and counts', async () => {
    const { clock, queues, next } = await oneFault();
    await queues.send(queue, new Uint8Array([1]));
    next({ kind: 'lose_answer' });
    expect(await codeOf(queues.receive(queue, lock))).toBe('outcome_unknown');
    await clock.pass(59_999);
    expect(await queues.receive(queue, lock)).toEqual([]);
    await clock.pass(1);
    expect(await queues.receive(queue, lock)).toMatchObject([{ dequeueCount: 2 }]);
  });

  it('a renewal whose answer is lost leaves its sender with a receipt that is worth nothing', async () => {
    const { queues, next } = await oneFault();
    await queues.send(queue, new Uint8Array([1]));
    const [held] = await queues.receive(queue, lock);
    if (held === undefined) expect.unreachable('nothing received');
    next({ kind: 'lose_answer' });
    const renewal = queues.update(queue, held, { visibilityTimeoutMs: 60_000 });
    expect(await codeOf(renewal)).toBe('outcome_unknown');
    expect(await codeOf(queues.delete(queue, held))).toBe('receipt_lost');
  });

  it('a delete that arrives twice deletes once, and harms nobody who holds another message', async () => {
    const { clock, inner, queues, next } = await oneFault();
    await queues.send(queue, new Uint8Array([1]));
    const [held] = await queues.receive(queue, lock);
    if (held === undefined) expect.unreachable('nothing received');
    next({ kind: 'repeat', afterMs: 100 });
    await queues.delete(queue, held);
    await queues.send(queue, new Uint8Array([2]));
    await clock.pass(100);
    expect(await inner.properties(queue)).toEqual({ approximateCount: 1 });
  });

  it('a count whose answer is lost is unavailable: it changed nothing', async () => {
    const { queues, next } = await oneFault();
    next({ kind: 'lose_answer' });
    expect(await codeOf(queues.properties(queue))).toBe('unavailable');
  });
});
