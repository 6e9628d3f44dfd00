import { deadLetterOf, defaultLimits, type QueueDocument } from '@message-vault/metadata';
import { systemRuntime } from '@message-vault/runtime';
import { SeededRandom } from '@message-vault/runtime/testing';
import {
  azureStorage,
  type Fault,
  faultyStorage,
  randomFaults,
  type Storage,
  type StorageCall,
} from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { inProcessWakeup } from '@message-vault/wakeup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Queues } from '../../src/index.ts';
import { newQueue } from '../support/new-queue.ts';
import { nobody, sized, text, textOf } from './support/bench.ts';

const silent = { info: () => undefined, warn: () => undefined };
const patient = { timeoutMs: 20_000, signal: undefined };

let azurite: Azurite;
let storage: Storage;

beforeAll(async () => {
  azurite = await startAzurite({ inMemory: true });
  storage = azureStorage({ connectionString: azurite.connectionString });
});

afterAll(async () => {
  await storage.close();
  await azurite.stop();
});

/** A node of its own over the same Azurite; `fault` says what goes wrong with its calls. */
function node(fault: (call: StorageCall) => Fault | undefined = () => undefined): Queues {
  return new Queues({
    ...faultyStorage(storage, fault),
    runtime: systemRuntime,
    wakeup: inProcessWakeup({ logger: silent }),
    logger: silent,
    limits: defaultLimits.queue,
  });
}

function queueWith(policy: Partial<QueueDocument['policy']> = {}): Promise<QueueDocument> {
  return newQueue({ runtime: systemRuntime, storage, name: 'myapp/work', policy });
}

async function bodies({ container }: QueueDocument): Promise<number> {
  return (await storage.bodies.list(container)).bodies.length;
}

describe('queues on Azure Storage queues', () => {
  it('carry what is small and what is large, through locks, renewals and dead letters, over several nodes', async () => {
    const queue = await queueWith();
    const [one, two] = [node(), node()];
    await one.enqueue(queue, [text('grüße', { key: 'k', headers: [['h', 'v']] })]);
    await one.enqueue(queue, [sized(1_000_000)]);
    const small = await two.receive(queue, nobody);
    const large = await two.receive(queue, nobody);
    expect(small && textOf(small)).toBe('grüße');
    expect(Buffer.from(large?.message.value ?? []).equals(sized(1_000_000).value)).toBe(true);
    expect(await one.stats(queue)).toMatchObject({ depth: 2, locked: 2, deadLettered: 0 });
    await one.renew(queue, small?.lock?.id ?? '');
    await two.renew(queue, small?.lock?.id ?? '');
    await one.acknowledge(queue, small?.lock?.id ?? '');
    await one.deadLetterLocked(queue, large?.lock?.id ?? '', 'too heavy');
    expect(await one.stats(queue)).toMatchObject({ depth: 0, deadLettered: 1 });
    expect(await bodies(queue)).toBe(1);
    expect(await two.redrive(deadLetterOf(queue), queue, { limit: 10 })).toBe(1);
    const again = await one.receiveAndDelete(queue, nobody);
    expect(again).toMatchObject({ id: large?.id, redrives: 1 });
    expect(await bodies(queue)).toBe(0);
    await expect(one.acknowledge(queue, small?.lock?.id ?? '')).rejects.toMatchObject({ code: 'lock_lost' });
  });

  it('give a message out again whose consumer died, and refuse his late word', async () => {
    const queue = await queueWith({ lockDurationMs: 1000 });
    const [one, two] = [node(), node()];
    await one.enqueue(queue, [text('job')]);
    const first = await one.receive(queue, patient);
    await one.close();
    const second = await two.receive(queue, patient);
    expect(second).toMatchObject({ id: first?.id, delivery: 2 });
    for (const late of [one.acknowledge, one.giveBack])
      await expect(late.call(one, queue, first?.lock?.id ?? '')).rejects.toMatchObject({ code: 'lock_lost' });
    expect(await two.stats(queue)).toMatchObject({ depth: 1 });
  });

  it('hide what is delayed, forget what has expired, and wake who waits', async () => {
    const queue = await queueWith();
    const here = node();
    await here.enqueue(queue, [text('expired')], { timeToLiveMs: 1 });
    const waiting = here.receive(queue, patient);
    await here.enqueue(queue, [text('later')], { delayMs: 1500 });
    await here.enqueue(queue, [text('now')]);
    const now = await waiting;
    expect(now && textOf(now)).toBe('now');
    const later = await here.receive(queue, patient);
    expect(later && textOf(later)).toBe('later');
    expect(await here.stats(queue)).toMatchObject({ depth: 2, locked: 2 });
  });

  it('give a message that was given back to nobody at once, as if it had not been delivered', async () => {
    const queue = await queueWith();
    const here = node();
    await here.enqueue(queue, [text('job')]);
    const undone = await here.receive(queue, nobody);
    await undone?.undo();
    expect(await here.receive(queue, nobody)).toMatchObject({ id: undone?.id, delivery: 1 });
  });

  it('lose nothing when calls are refused, or their answers lost, in the middle of everything', async () => {
    const queue = await queueWith({ lockDurationMs: 1000, maxDequeueRetries: 1000 });
    const here = node();
    const { messageIds } = await here.enqueue(
      queue,
      Array.from({ length: 12 }, (_, at) => (at % 6 === 0 ? sized(60_000 + at) : text(`${at}`))),
    );
    const rng = new SeededRandom(7);
    const weather = { ...systemRuntime, random: () => rng.next() };
    const shaky = node(randomFaults(weather, { refuse: 0.05, throttle: 0.1, loseAnswer: 0.05, maxMs: 10 }));
    const delivered = new Set<string>();
    const consumer = async (): Promise<void> => {
      while ((await here.stats(queue)).depth > 0) {
        const held = await shaky.receive(queue, { timeoutMs: 500, signal: undefined }).catch(() => undefined);
        if (held?.lock === undefined) continue;
        delivered.add(held.id);
        held.release();
        // Where that fails the message comes back by itself, unless it was only the answer that was lost.
        await shaky.acknowledge(queue, held.lock.id).catch(() => undefined);
      }
    };
    await Promise.all([consumer(), consumer(), consumer(), consumer()]);
    expect([...delivered].sort()).toEqual([...messageIds].sort());
    expect(await here.stats(queue)).toMatchObject({ depth: 0, deadLettered: 0 });
  });
});
