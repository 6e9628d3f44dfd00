import { hashOf } from '@message-vault/checkers';
import { PAGE_BYTES } from '@message-vault/framing';
import { ChunkCache, isLogError, iterateMessages, openReader, type StreamReader } from '@message-vault/log';
import type { StreamDocument } from '@message-vault/metadata';
import type { Cluster } from './cluster.ts';

const STEP_BYTES = 64 * 1024;
/** In so many of all runs: reading everything twice more takes its time. */
const SPOILED = 0.3;
const CACHE_BYTES = 4 * 1024 * 1024;

/** What stands in a stream, as one value a message. */
type Contents = readonly number[];

interface Reading {
  readonly messages: Contents;
  /** The stream ends for this reader with damage, told as such. */
  readonly damaged: boolean;
}

/**
 * Flips one bit of what is stored, at the very end of a run. A reader may be told that the log is damaged there, or, at the
 * tail, see the stream end before; what it is given is right in any case.
 */
export async function spoilAndRead(cluster: Cluster): Promise<void> {
  const { world, streamNames } = cluster;
  const random = world.chance('spoil');
  if (!random.chance(SPOILED)) return;
  const document = await cluster.documentOf(random.pick(streamNames));
  if (document === undefined) return;
  const before = await readAll(cluster, document);
  const segments = await cluster.raw.pages.listSegments(document.container);
  const segment = segments.length === 0 ? undefined : random.pick(segments);
  if (segment === undefined) return;
  const isLast = segment === segments.at(-1);
  if (!(await flipOne(cluster, { container: document.container, segment }))) return;
  const after = await readAll(cluster, document);
  const given = after.messages.every((hash, index) => hash === before.messages[index]);
  if (!given) world.broken('damage', 'a reader was given something else once a bit was flipped');
  const isShort = after.messages.length < before.messages.length;
  if (isShort && !after.damaged && !isLast) world.broken('damage', 'a damaged log just ended for its reader');
}

async function readAll(cluster: Cluster, { name, streamId, container }: StreamDocument): Promise<Reading> {
  const reader = openReader({
    pages: cluster.raw.pages,
    runtime: cluster.world.clock,
    stream: { name, streamId, container },
    cache: new ChunkCache({ maxBytes: CACHE_BYTES }),
  });
  const messages: number[] = [];
  try {
    await collect(reader, messages);
    return { messages, damaged: false };
  } catch (error) {
    if (!isLogError(error, 'damaged')) throw error;
    return { messages, damaged: true };
  } finally {
    reader.close();
  }
}

async function collect(reader: StreamReader, messages: number[]): Promise<void> {
  for (let from = await reader.resolve({ at: 'earliest' }); ; ) {
    const { commits, nextOffset, upToDate } = await reader.read({ from, maxBytes: STEP_BYTES });
    for (const { value, offset } of iterateMessages(commits)) messages.push(hashOf(value) + offset);
    if (upToDate) return;
    from = nextOffset;
  }
}

/** Flips a bit in a written page of the segment; false when there is none. */
async function flipOne(cluster: Cluster, ref: { container: string; segment: string }): Promise<boolean> {
  const random = cluster.world.chance('flip');
  const { pages } = cluster.raw;
  const { sizeBytes, epoch, etag } = await pages.segmentProperties(ref);
  const written = await pages.writtenRanges(ref, { offset: 0, length: sizeBytes });
  const last = written.at(-1);
  if (last === undefined) return false;
  const page = random.below((last.offset + last.length) / PAGE_BYTES);
  const offset = page * PAGE_BYTES;
  const answer = await pages.readRange(ref, { offset, length: PAGE_BYTES });
  if (answer.status !== 'read') return false;
  const bytes = answer.bytes.slice();
  const at = random.below(PAGE_BYTES);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  await pages.writePages(ref, offset, bytes, { epoch, etag });
  return true;
}
