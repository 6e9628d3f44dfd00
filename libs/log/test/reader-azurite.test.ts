import { encodeBatch, encodeOffset, MAX_COMMIT_BYTES } from '@message-vault/framing';
import { systemRuntime } from '@message-vault/runtime';
import { azureStorage, type Storage } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  applyRetention,
  ChunkCache,
  iterateMessages,
  openReader,
  openWriter,
  type StreamReader,
  type StreamRef,
  type StreamWriter,
} from '../src/index.ts';
import { countingPages, failure, messageValue } from './support/reader-world.ts';

let azurite: Azurite;
let storage: Storage;
let streams = 0;

beforeAll(async () => {
  azurite = await startAzurite({ inMemory: true });
  storage = azureStorage({ connectionString: azurite.connectionString });
});

afterAll(async () => {
  await storage?.close();
  await azurite?.stop();
});

async function newStream(settings = {}): Promise<{ stream: StreamRef; writer: StreamWriter }> {
  streams += 1;
  const digits = String(streams).padStart(12, '0');
  const stream = {
    name: 'orders',
    streamId: `5d9e2c55-1d7c-4c39-9c0f-${digits}`,
    container: `mv-read-${streams}`,
  };
  const leadership = { epoch: 1, isLeading: () => true, lost: () => {} };
  await storage.pages.createContainer(stream.container);
  const writer = await openWriter({
    pages: storage.pages,
    runtime: systemRuntime,
    stream,
    leadership,
    settings,
  });
  return { stream, writer };
}

function readerOf(stream: StreamRef, pages = storage.pages): StreamReader {
  return openReader({
    pages,
    runtime: systemRuntime,
    stream,
    cache: new ChunkCache({ maxBytes: 32 * 1024 * 1024 }),
  });
}

function batchOf(first: number, count: number, bytes = 8): Uint8Array {
  const messages = Array.from({ length: count }, (_, i) => ({
    value: messageValue(first + i, bytes),
    kind: 'text' as const,
    headers: [],
  }));
  return encodeBatch({ messages });
}

/** Sequence numbers of all messages from `from` on. */
async function numbers(reader: StreamReader, from = 0): Promise<number[]> {
  const found: number[] = [];
  for (let next = from; ; ) {
    const { commits, nextOffset, upToDate } = await reader.read({ from: next, maxBytes: 256 * 1024 });
    for (const { sequenceNumber, value } of iterateMessages(commits, next)) {
      expect(Number(new TextDecoder().decode(value).replaceAll('.', ''))).toBe(sequenceNumber);
      found.push(sequenceNumber);
    }
    next = nextOffset;
    if (upToDate) return found;
  }
}

const upTo = (end: number, start = 0): number[] => Array.from({ length: end - start }, (_, i) => start + i);

describe('on Azurite', () => {
  test('a stream that does not exist yet reads as empty, and its first message is noticed', async () => {
    const { stream, writer } = await newStream();
    await writer.close();
    await storage.pages.deleteContainer(stream.container);
    const reader = readerOf(stream);
    expect(await numbers(reader)).toEqual([]);
    const waiting = reader.waitForGrowth(0, { timeoutMs: 20_000 });
    await storage.pages.createContainer(stream.container);
    const leadership = { epoch: 2, isLeading: () => true, lost: () => {} };
    const again = await openWriter({ pages: storage.pages, runtime: systemRuntime, stream, leadership });
    await again.append(batchOf(0, 1));
    expect(await waiting).toBe(true);
    expect(await numbers(reader)).toEqual([0]);
    reader.close();
    await again.close();
  });

  test('what a writer wrote, over many segments, is replayed and found by number, time, offset and from the back', async () => {
    const { stream, writer } = await newStream({ segmentCommits: 10 });
    const answers = [];
    for (let i = 0; i < 35; i += 1) answers.push(await writer.append(batchOf(3 * i, 3)));
    const reader = readerOf(stream);
    expect(await numbers(reader)).toEqual(upTo(105));
    const answer = answers[17];
    if (answer === undefined) throw new Error('35 batches were answered');
    expect(await reader.resolve({ sequenceNumber: 52 })).toBe(answer.firstOffset + 1);
    expect(await reader.resolve({ offset: answer.nextOffset })).toBe(answers[18]?.firstOffset);
    const since = answers.find(({ timestamp }) => timestamp >= answer.timestamp);
    expect(await reader.resolve({ timestamp: answer.timestamp })).toBe(since?.firstOffset);
    expect(await numbers(reader, await reader.resolve({ last: 10 }))).toEqual(upTo(105, 95));
    expect(await reader.bounds()).toMatchObject({
      earliestOffset: 0,
      nextSequenceNumber: 105,
      nextOffset: encodeOffset(writer.tail.page, 0),
      lastTimestamp: writer.tail.timestamp,
    });
    reader.close();
    await writer.close();
  });

  test('a cold reader finds the tail of a segment of tens of megabytes', async () => {
    const { stream, writer } = await newStream();
    const large = batchOf(0, 1, MAX_COMMIT_BYTES - 8192);
    for (let i = 0; i < 8; i += 1) await writer.append(large);
    for (let i = 0; i < 20; i += 1) await writer.append(batchOf(0, 1));
    const { pages, counts } = countingPages(storage.pages);
    const reader = readerOf(stream, pages);
    expect(await reader.resolve({ at: 'latest' })).toBe(writer.tail.offset);
    expect(counts.readBytes).toBeLessThan(20 * 1024 * 1024);
    reader.close();
    await writer.close();
  });

  test('a consumer at the tail gets every message of a writer at work, once and in order', async () => {
    const { stream, writer } = await newStream({ segmentCommits: 25 });
    const reader = readerOf(stream);
    const controller = new AbortController();
    const seen: number[] = [];
    const chasing = (async () => {
      for await (const commit of reader.tailCommits(0, controller.signal)) {
        for (const { sequenceNumber } of iterateMessages([commit])) seen.push(sequenceNumber);
        if (seen.length === 200) return;
      }
    })();
    for (let i = 0; i < 200; i += 1) {
      await writer.append(batchOf(i, 1));
      if (i % 3 === 0) reader.hint(writer.tail.page);
    }
    await chasing;
    expect(seen).toEqual(upTo(200));
    reader.close();
    await writer.close();
  });

  test('an idle tail is asked about with conditions that are answered without a body', async () => {
    const { stream, writer } = await newStream();
    await writer.append(batchOf(0, 1));
    const { pages, counts } = countingPages(storage.pages);
    const reader = readerOf(stream, pages);
    await numbers(reader);
    // The version is believed from the second answer on that names it.
    expect(await reader.waitForGrowth(writer.tail.offset, { timeoutMs: 150 })).toBe(false);
    counts.readBytes = 0;
    expect(await reader.waitForGrowth(writer.tail.offset, { timeoutMs: 150 })).toBe(false);
    expect(counts.notModified).toBeGreaterThan(0);
    expect(counts.readBytes).toBe(0);
    reader.close();
    await writer.close();
  });

  test('a segment that retention deletes under a reader is out of range from then on', async () => {
    const { stream, writer } = await newStream({ segmentCommits: 64 });
    for (let i = 0; i < 200; i += 1) await writer.append(batchOf(i, 1));
    const cache = new ChunkCache({ maxBytes: 1 });
    const reader = openReader({ pages: storage.pages, runtime: systemRuntime, stream, cache });
    const first = await reader.read({ from: 0, maxBytes: 1 });
    const policy = { retentionBytes: 1024 };
    const deleted = await applyRetention({ pages: storage.pages, stream, policy, nowMs: Date.now() });
    expect(deleted.length).toBeGreaterThan(0);
    const answer = await failure(reader.read({ from: first.nextOffset, maxBytes: 1 }));
    expect(answer.code).toBe('offset_out_of_range');
    const earliest = await readerOf(stream).resolve({ at: 'earliest' });
    expect(answer.details).toMatchObject({ earliestOffset: earliest, nextOffset: writer.tail.offset });
    reader.close();
    await writer.close();
  });
});
