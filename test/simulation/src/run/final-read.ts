import { skipsAfter } from '@message-vault/framing';
import { ChunkCache, iterateMessages, openReader, type StoredCommit } from '@message-vault/log';
import type { Cluster } from './cluster.ts';

const STEP_BYTES = 1024 * 1024;
const consumer = 'the fresh reader';
const CACHE_BYTES = 4 * 1024 * 1024;

/** A reader nobody has used before reads each stream from storage, and the log is walked commit by commit. */
export async function readFinally(cluster: Cluster): Promise<void> {
  for (const stream of cluster.logNames) await readStream(cluster, stream);
}

async function readStream(cluster: Cluster, name: string): Promise<void> {
  const { world, history, raw } = cluster;
  const document = await cluster.documentOf(name);
  if (document === undefined) {
    if (history.nextNumberOf(name) > 0) world.broken('I1', `the stream ${name} is gone`);
    else history.add(nothingIn(name));
    return;
  }
  const { streamId, container } = document;
  const reader = openReader({
    pages: raw.pages,
    runtime: world.clock,
    stream: { name, streamId, container },
    cache: new ChunkCache({ maxBytes: CACHE_BYTES }),
  });
  const { earliestSequenceNumber, nextSequenceNumber, earliestOffset } = await reader.bounds();
  history.add({ kind: 'final', stream: name, consumer, earliestSequenceNumber, nextSequenceNumber });
  let before: StoredCommit | undefined;
  for (let from = earliestOffset; ; ) {
    const { commits, nextOffset, upToDate } = await reader.read({ from, maxBytes: STEP_BYTES });
    for (const commit of commits) {
      if (before !== undefined || !cluster.mayForget(name)) checkChain(cluster, before, commit);
      before = commit;
      for (const message of iterateMessages([commit]))
        history.read(name, consumer, { ...message, epoch: commit.header.epoch });
    }
    if (upToDate) break;
    from = nextOffset;
  }
  reader.close();
}

/** Of a stream nobody managed to publish to. */
function nothingIn(stream: string) {
  return { kind: 'final', stream, consumer, earliestSequenceNumber: 0, nextSequenceNumber: 0 } as const;
}

/** What the format promises of two commits that follow each other. */
function checkChain({ world }: Cluster, before: StoredCommit | undefined, { header }: StoredCommit): void {
  const expected =
    before === undefined
      ? { number: 0, page: 0, firstSequenceNumber: 0, skips: undefined }
      : {
          number: before.header.number + 1,
          page: before.header.page + before.header.pages,
          firstSequenceNumber: before.header.firstSequenceNumber + before.header.messageCount,
          skips: skipsAfter(before.header),
        };
  const { number, page, firstSequenceNumber } = header;
  const follows =
    number === expected.number &&
    page === expected.page &&
    firstSequenceNumber === expected.firstSequenceNumber;
  if (!follows) world.broken('I2', `commit ${number} at page ${page} does not follow the one before it`);
  if (expected.skips !== undefined && String(expected.skips) !== String(header.skips))
    world.broken(
      'format',
      `the skip pointers of commit ${number} are ${header.skips}, not ${expected.skips}`,
    );
}
