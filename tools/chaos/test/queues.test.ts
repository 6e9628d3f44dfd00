import { azureStorage, type QueueStore } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ChaosLink } from '../src/index.ts';
import { link } from './servers.ts';

/** For what happens in its own time, on a machine that may be busy. */
const patience = { timeout: 15_000 };

/** The real storage adapter on the real Azurite, its queues behind a link. */
describe('a link between a node and its queues', () => {
  const lock = { max: 1, visibilityTimeoutMs: 60_000 };
  const body = new Uint8Array([1, 2, 3]);
  let azurite: Azurite;
  let count = 0;

  beforeAll(async () => {
    azurite = await startAzurite({ inMemory: true });
  });
  afterAll(() => azurite.stop());

  /** `near` is a client beside the link. */
  async function queueBehindLink(): Promise<{
    way: ChaosLink;
    near: QueueStore;
    behind: QueueStore;
    queue: string;
  }> {
    const way = await link({ target: { host: '127.0.0.1', port: azurite.ports.queue }, protocol: 'http' });
    const through = azurite.connectionString.replace(
      `127.0.0.1:${azurite.ports.queue}`,
      `127.0.0.1:${way.address.port}`,
    );
    const open = (connectionString: string): QueueStore => {
      const storage = azureStorage({ connectionString, maxTries: 1, writeTimeoutMs: 500 });
      onTestFinished(() => storage.close());
      return storage.queues;
    };
    const queue = `chaos-${count++}`;
    const behind = open(through);
    await behind.createQueue(queue);
    return { way, near: open(azurite.connectionString), behind, queue };
  }

  it('leaves signed requests valid, though it has another port', async () => {
    const { way, behind, queue } = await queueBehindLink();
    await behind.send(queue, body);
    const [held] = await behind.receive(queue, lock);
    if (held === undefined) expect.unreachable('nothing received');
    await behind.delete(queue, held);
    expect(way.stats.requests).toBe(4);
  });

  it('that drops answers of writes leaves a message sent, and one taken and hidden from everybody', async () => {
    const { way, near, behind, queue } = await queueBehindLink();
    await way.setMode({ mode: 'drop-answer', share: 1, only: 'writes' });
    await expect(behind.send(queue, body)).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await behind.peek(queue, 1)).toHaveLength(1);
    await expect(behind.receive(queue, lock)).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await behind.peek(queue, 1)).toEqual([]);
    expect(await near.properties(queue)).toEqual({ approximateCount: 1 });
  });

  it('that is half open lets a receive arrive long after its sender gave up', async () => {
    const { way, near, behind, queue } = await queueBehindLink();
    await near.send(queue, body);
    await way.setMode({ mode: 'half-open' });
    await expect(behind.receive(queue, lock)).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await near.peek(queue, 1)).toHaveLength(1);
    await way.setMode({ mode: 'pass' });
    await vi.waitFor(async () => expect(await near.peek(queue, 1)).toEqual([]), patience);
  });
});
