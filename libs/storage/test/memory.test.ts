import { memoryStorage } from '@message-vault/storage';
import {
  runBodyStoreConformance,
  runDocumentStoreConformance,
  runLeaseStoreConformance,
  runPageStoreConformance,
  runQueueStoreConformance,
} from '@message-vault/storage/conformance';
import { describe, expect, it } from 'vitest';
import { handClock } from './hand-clock.ts';

runPageStoreConformance('memory', () => memoryStorage().pages);
runDocumentStoreConformance('memory', () => memoryStorage().documents);
runLeaseStoreConformance('memory', () => {
  const clock = handClock();
  return {
    leases: memoryStorage({ runtime: clock.runtime }).leases,
    outlast: (_, seconds) => clock.pass(seconds * 1000),
  };
});
runBodyStoreConformance('memory', () => memoryStorage());
runQueueStoreConformance('memory', () => {
  const { runtime, pass } = handClock();
  return { queues: memoryStorage({ runtime }).queues, pass };
});

describe('memory storage', () => {
  it('a lease is held until the very end of its time and no longer', async () => {
    const clock = handClock();
    const { leases } = memoryStorage({ runtime: clock.runtime });
    await leases.ensure('leader');
    await leases.acquire('leader', crypto.randomUUID(), 15);
    await clock.pass(14_999);
    expect(await leases.isHeld('leader')).toBe(true);
    await clock.pass(1);
    expect(await leases.isHeld('leader')).toBe(false);
  });

  it('the same calls give the same ETags, so that runs can be compared', async () => {
    const run = async (): Promise<string> => {
      const { pages } = memoryStorage();
      const ref = { container: 'mv-same', segment: 's' };
      await pages.createContainer(ref.container);
      const created = await pages.createSegment(ref, { sizeBytes: 1024, epoch: 1 });
      return (await pages.writePages(ref, 0, new Uint8Array(512), { epoch: 1, etag: created.etag })).etag;
    };
    expect(await run()).toBe(await run());
  });

  it('takes effect in the order of calling, before any answer is awaited', async () => {
    const { documents } = memoryStorage();
    const first = documents.put('a', new Uint8Array([1]), { ifAbsent: true });
    const second = documents.get('a');
    expect((await second)?.etag).toBe((await first).etag);
  });
});
