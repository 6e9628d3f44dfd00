import { azureStorage, type PageStore, type SegmentRef } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ChaosLink } from '../src/index.ts';
import { link } from './servers.ts';

/** For what happens in its own time, on a machine that may be busy. */
const patience = { timeout: 15_000 };

/** The real storage adapter, with real signatures, on the real Azurite behind a link. */
describe('a link between a node and its storage', () => {
  let azurite: Azurite;
  let containers = 0;
  const page = (fill: number): Uint8Array => new Uint8Array(512).fill(fill);

  beforeAll(async () => {
    azurite = await startAzurite({ inMemory: true });
  });
  afterAll(() => azurite.stop());

  /** `tap` stands between the link and Azurite, to see what gets there. `near` is a storage client beside the link. */
  async function storageBehindLink(): Promise<{
    way: ChaosLink;
    tap: ChaosLink;
    near: PageStore;
    behind: PageStore;
    segment: SegmentRef;
  }> {
    const tap = await link({ target: { host: '127.0.0.1', port: azurite.ports.blob } });
    const way = await link({ target: tap.address, protocol: 'http' });
    const through = azurite.connectionString.replace(
      `127.0.0.1:${azurite.ports.blob}`,
      `127.0.0.1:${way.address.port}`,
    );
    const stores = [through, azurite.connectionString].map((connectionString) =>
      azureStorage({ connectionString, maxTries: 1, writeTimeoutMs: 500, readTimeoutMs: 2_000 }),
    );
    onTestFinished(async () => {
      await Promise.all(stores.map((store) => store.close()));
    });
    const [behind, near] = stores.map((store) => store.pages);
    if (!behind || !near) throw new Error('no stores');
    const segment = { container: `chaos-${containers++}`, segment: 's' };
    await behind.createContainer(segment.container);
    return { way, tap, near, behind, segment };
  }

  it('leaves signed requests valid, though it has another port', async () => {
    const { way, behind, segment } = await storageBehindLink();
    const { etag } = await behind.createSegment(segment, { sizeBytes: 4096, epoch: 1 });
    await behind.writePages(segment, 0, page(7), { epoch: 1, etag });
    const read = await behind.readRange(segment, { offset: 0, length: 512 });
    expect(read.status === 'read' && read.bytes).toEqual(page(7));
    expect(way.stats.requests).toBeGreaterThanOrEqual(4);
  });

  it('that answers 503 refuses a write for certain, and it is not there', async () => {
    const { way, near, behind, segment } = await storageBehindLink();
    const { etag } = await behind.createSegment(segment, { sizeBytes: 4096, epoch: 1 });
    await way.setMode({ mode: 'errors', share: 1 });
    await expect(behind.writePages(segment, 0, page(7), { epoch: 1, etag })).rejects.toMatchObject({
      code: expect.stringMatching(/^(throttled|outcome_unknown)$/),
    });
    expect(await near.writtenRanges(segment, { offset: 0, length: 4096 })).toEqual([]);
  });

  it('that drops answers leaves a write unknown, and it is there', async () => {
    const { way, near, behind, segment } = await storageBehindLink();
    const { etag } = await behind.createSegment(segment, { sizeBytes: 4096, epoch: 1 });
    await way.setMode({ mode: 'drop-answer', share: 1, only: 'writes' });
    await expect(behind.writePages(segment, 0, page(7), { epoch: 1, etag })).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    expect(await near.writtenRanges(segment, { offset: 0, length: 4096 })).toEqual([
      { offset: 0, length: 512 },
    ]);
  });

  it('that is half open lets a write arrive long after its sender gave up', async () => {
    const { way, near, behind, segment } = await storageBehindLink();
    const { etag } = await behind.createSegment(segment, { sizeBytes: 4096, epoch: 1 });
    await way.setMode({ mode: 'half-open' });
    await expect(behind.writePages(segment, 0, page(7), { epoch: 1, etag })).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    expect(await near.writtenRanges(segment, { offset: 0, length: 4096 })).toEqual([]);
    await way.setMode({ mode: 'pass' });
    await vi.waitFor(async () => {
      expect(await near.writtenRanges(segment, { offset: 0, length: 4096 })).toEqual([
        { offset: 0, length: 512 },
      ]);
    }, patience);
  });

  it('that is half open lets such a write arrive behind a takeover, where its epoch stops it', async () => {
    const { way, tap, near, behind, segment } = await storageBehindLink();
    const { etag } = await behind.createSegment(segment, { sizeBytes: 4096, epoch: 1 });
    await way.setMode({ mode: 'half-open' });
    await expect(behind.writePages(segment, 0, page(7), { epoch: 1, etag })).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    const fenced = await near.fence(segment, 2);
    await near.writePages(segment, 0, page(9), { epoch: 2, etag: fenced.etag });
    const answered = tap.stats.bytesDown;
    await way.setMode({ mode: 'pass' });
    await vi.waitFor(() => expect(tap.stats.bytesDown).toBeGreaterThan(answered), patience);
    const read = await near.readRange(segment, { offset: 0, length: 512 });
    expect(read.status === 'read' && read.bytes).toEqual(page(9));
  });
});
