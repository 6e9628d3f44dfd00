import { createClient } from '@message-vault/client';
import { ChunkCache, iterateMessages, openReader } from '@message-vault/log';
import { namePath, parseNameDocument } from '@message-vault/metadata';
import { systemRuntime } from '@message-vault/runtime';
import type { Storage } from '@message-vault/storage';
import { DrillError } from '../errors.ts';
import type { Recorder } from '../record/recorder.ts';
import { now } from '../wait.ts';
import { readOf } from './messages.ts';

const CACHE_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 4 * 1024 * 1024;
const CONSUMER = 'final';

export interface FinalReadOptions {
  readonly stream: string;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/**
 * Reads the whole stream, or what a router has taken in, from the storage itself, past all nodes and their caches, checking every commit. With the epoch
 * of each commit, which no node tells. Answers the offset behind the last message.
 */
export async function readStorage(storage: Storage, options: FinalReadOptions): Promise<number> {
  const { stream, recorder, signal } = options;
  const reader = openReader({
    pages: storage.pages,
    runtime: systemRuntime,
    stream: await refOf(storage, stream),
    cache: new ChunkCache({ maxBytes: CACHE_BYTES }),
  });
  try {
    const { earliestOffset, nextOffset, ...bounds } = await reader.bounds(signal);
    recorder.add({ kind: 'final', at: now(), stream, consumer: CONSUMER, ...pickNumbers(bounds) });
    for (let from = earliestOffset, upToDate = false; !upToDate; ) {
      const result = await reader.read({ from, maxBytes: READ_BYTES, signal });
      const at = now();
      for (const commit of result.commits) {
        const where = { at, stream, consumer: CONSUMER, epoch: commit.header.epoch };
        for (const message of iterateMessages([commit], from)) recorder.add(readOf(message, where));
      }
      from = result.nextOffset;
      upToDate = result.upToDate || result.commits.length === 0;
    }
    return nextOffset;
  } finally {
    reader.close();
  }
}

/** The same through the nodes, where the storage itself can't be reached. */
export async function readThroughNodes(urls: readonly string[], options: FinalReadOptions): Promise<number> {
  const { stream, recorder, signal } = options;
  const client = createClient({ urls });
  try {
    const stats = await client.stats(stream, { signal });
    recorder.add({ kind: 'final', at: now(), stream, consumer: CONSUMER, ...pickNumbers(stats) });
    await readPass(client, { ...options, consumer: CONSUMER });
    return stats.nextOffset;
  } finally {
    await client.close();
  }
}

/** One pass over the whole stream as one node gives it. */
export async function readFromNode(
  url: string,
  options: FinalReadOptions & { consumer: string },
): Promise<void> {
  const client = createClient({ urls: [url], followLeader: false });
  try {
    await readPass(client, options);
  } finally {
    await client.close();
  }
}

async function readPass(
  client: ReturnType<typeof createClient>,
  { stream, recorder, signal, consumer }: FinalReadOptions & { consumer: string },
): Promise<void> {
  for await (const { messages } of client.readChunks(stream, { from: 'earliest', signal })) {
    const at = now();
    for (const message of messages) recorder.add(readOf(message, { at, stream, consumer }));
  }
}

async function refOf(storage: Storage, name: string) {
  const stored = await storage.documents.get(namePath(name));
  if (stored === undefined) throw new DrillError('did_not_happen', `the storage knows no stream ${name}`);
  const document = parseNameDocument(stored.body);
  if (document.role !== 'stream' && document.role !== 'router')
    throw new DrillError('did_not_happen', `${name} holds no stream`);
  const { streamId, container } = document;
  return { name, streamId, container };
}

const pickNumbers = (bounds: { earliestSequenceNumber: number; nextSequenceNumber: number }) => ({
  earliestSequenceNumber: bounds.earliestSequenceNumber,
  nextSequenceNumber: bounds.nextSequenceNumber,
});
