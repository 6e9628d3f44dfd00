import { systemRuntime } from '@message-vault/runtime';
import { faultyStorage, memoryStorage } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { type ObservedCall, observeStorage } from '../src/observed-storage.ts';

/** A storage of which no call about a queue is answered, and how its calls are seen. */
function withSilentQueues() {
  const calls: ObservedCall[] = [];
  const storage = faultyStorage(memoryStorage(), ({ operation }) =>
    operation.startsWith('queues.') ? { kind: 'lose_answer' } : undefined,
  );
  return { calls, ...observeStorage(storage, systemRuntime, (call) => calls.push(call)) };
}

describe('observed storage', () => {
  it('queues that are silent do not make a leader think that it has lost its storage', async () => {
    const { storage, observer } = withSilentQueues();
    await expect(storage.queues.createQueue('mv-queue')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(storage.queues.send('mv-queue', new Uint8Array(1))).rejects.toThrow();
    expect(observer.lastSilenceAt).toBe(Number.NEGATIVE_INFINITY);
  });

  it('queues that answer do not hide that blobs are silent', async () => {
    const storage = faultyStorage(memoryStorage(), ({ operation }) =>
      operation.startsWith('queues.') ? undefined : { kind: 'lose_answer' },
    );
    const observed = observeStorage(storage, systemRuntime, () => {});
    await expect(observed.storage.documents.get('leader')).rejects.toMatchObject({ code: 'unavailable' });
    await observed.storage.queues.createQueue('mv-queue');
    expect(observed.observer.lastAnswerAt).toBe(Number.NEGATIVE_INFINITY);
    expect(observed.observer.lastSilenceAt).toBeGreaterThan(Number.NEGATIVE_INFINITY);
  });

  it('calls are counted under names that tell the ports apart', async () => {
    const { storage, calls } = withSilentQueues();
    await storage.pages.createContainer('mv-bodies');
    await storage.bodies.put('mv-bodies', 'a', new Uint8Array(1));
    await storage.queues.deleteQueue('mv-queue').catch(() => {});
    const seen = calls.map(({ operation, outcome }) => `${operation} ${outcome}`);
    expect(seen).toEqual(['createContainer ok', 'bodies.put ok', 'queues.deleteQueue unavailable']);
  });
});
