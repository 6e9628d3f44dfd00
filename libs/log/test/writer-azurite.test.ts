import { systemRuntime } from '@message-vault/runtime';
import { azureStorage, type Storage } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWriter, type StreamRef, type StreamWriter, segmentRef } from '../src/index.ts';
import { batchOf, by, code, largeBatch, producerA, TestLeadership } from './support/writer-world.ts';

let azurite: Azurite;
let storage: Storage;
let streams = 0;

beforeAll(async () => {
  azurite = await startAzurite({ inMemory: true });
  storage = azureStorage({ connectionString: azurite.connectionString });
});

afterAll(async () => {
  await storage.close();
  await azurite.stop();
});

function freshStream(): StreamRef {
  streams += 1;
  const container = `mv-writer-${streams}`;
  return { name: container, streamId: '6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b', container };
}

async function open(stream: StreamRef, epoch: number): Promise<StreamWriter> {
  await storage.pages.createContainer(stream.container);
  const leadership = new TestLeadership(epoch);
  const settings = { segmentCommits: 20 };
  return await openWriter({ pages: storage.pages, runtime: systemRuntime, stream, leadership, settings });
}

describe('the writer on the real protocol', () => {
  it('publishes over several segments, and a second leader takes over with everything known', async () => {
    const stream = freshStream();
    const old = await open(stream, 1);
    let last = await old.append(batchOf('v0', by(producerA, 0)));
    for (let n = 1; n < 50; n += 1) last = await old.append(batchOf(`v${n}`, by(producerA, n)));
    const writer = await open(stream, 2);
    expect(writer.tail).toEqual(old.tail);
    expect(await code(old.append(batchOf('late')))).toBe('outcome_unknown');
    const repeat = await writer.append(batchOf('v49', by(producerA, 49)));
    expect(repeat).toEqual({ ...last, duplicate: true });
    const next = await writer.append(batchOf('v50', by(producerA, 50)));
    expect(next.firstSequenceNumber).toBe(50);
    expect((await storage.pages.listSegments(stream.container)).length).toBe(3);
    await writer.close();
  });

  it('stores commits of the largest size and finds their end', async () => {
    const stream = freshStream();
    const old = await open(stream, 1);
    await Promise.all([1, 2, 3, 4].map((n) => old.append(largeBatch(`${n}`, 4_100_000))));
    const writer = await open(stream, 2);
    expect(writer.tail).toEqual(old.tail);
    await writer.close();
  });

  it('clears a torn write and goes on there', async () => {
    const stream = freshStream();
    const old = await open(stream, 1);
    await old.append(batchOf('whole'));
    const { page } = old.tail;
    await old.append(largeBatch('torn', 3000));
    const ref = segmentRef(stream, 0);
    const conditions = await storage.pages.segmentProperties(ref);
    await storage.pages.clearPages(ref, { offset: (page + 1) * 512, length: 512 }, conditions);
    const writer = await open(stream, 2);
    expect(writer.tail.page).toBe(page);
    const next = await writer.append(batchOf('next'));
    expect(next.firstSequenceNumber).toBe(1);
    await writer.close();
  });

  it('is changed in its version by fencing with the same epoch again, which keeps late writes of that epoch out', async () => {
    const stream = freshStream();
    await open(stream, 1);
    const ref = segmentRef(stream, 0);
    const before = await storage.pages.segmentProperties(ref);
    await storage.pages.fence(ref, 1);
    const late = storage.pages.writePages(ref, 0, new Uint8Array(512), before);
    expect(await code(late)).toBe('etag_mismatch');
  });
});
