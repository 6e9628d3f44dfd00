import type { VaultClient } from '@message-vault/client';
import { namePath, parseNameDocument } from '@message-vault/metadata';
import type { SegmentRef } from '@message-vault/storage';
import type { Lab } from '../lab.ts';
import { rawSegment, repeatFor, sampleValues } from '../lab.ts';
import { fixed, median, megabytes, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const MIB = 1024 * 1024;
const VALUE_BYTES = 4096;
/** As many as fit a batch of one MiB. */
const VALUES_PER_BATCH = 255;
const PRODUCERS = 4;
const ROUNDS = 5;
/** Short ones in turns: the machine's speed changes within seconds, and a ratio is of two that lie side by side. */
const BULK_ROUNDS = 9;

/** Bulk publishing next to putting the same bytes into a page blob bare, in turns, each into a new blob. */
export async function bulkPublish(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const values = await sampleValues(VALUES_PER_BATCH, VALUE_BYTES, options.data);
  const block = Buffer.concat(await sampleValues(4, MIB, options.data));
  const clients = Array.from({ length: PRODUCERS }, () => lab.client());
  const raw: number[] = [];
  const ours: number[] = [];
  const roundMs = options.roundMs / 2;
  for (let round = 0; round < BULK_ROUNDS; round++) {
    const segment = await rawSegment(lab.storage, 8192 * MIB);
    const bare = await repeatFor(roundMs, async () => {
      await segment.write(block);
      return block.byteLength;
    });
    raw.push(megabytes(bare.total, bare.elapsedMs));
    await lab.storage.pages.deleteContainer(segment.ref.container);
    const stream = `bulk/${round}`;
    await clients[0]?.publish(stream, values);
    const published = await Promise.all(
      clients.map((client) =>
        publishFor(roundMs, () => client.publish(stream, values).then(() => VALUES_PER_BATCH * VALUE_BYTES)),
      ),
    );
    const bytes = published.reduce((sum, each) => sum + each.total, 0);
    ours.push(megabytes(bytes, Math.max(...published.map((each) => each.elapsedMs))));
  }
  const ratio = median(ours.map((rate, round) => rate / (raw[round] ?? Number.NaN)));
  return [
    {
      what: 'bulk publish, 4 producers, 1 MiB batches',
      ours: `${fixed(median(ours), 0)} MB/s`,
      against: `${fixed(median(raw), 0)} MB/s, Put Page of 4 MiB`,
      result: `${fixed(ratio)} ×`,
      goal: '≥ 0.8 ×',
      met: ratio >= 0.8,
    },
  ];
}

/** A producer that keeps a few batches under way, as the client allows. */
async function publishFor(
  forMs: number,
  publish: () => Promise<number>,
): Promise<{ total: number; elapsedMs: number }> {
  const runs = await Promise.all(Array.from({ length: 3 }, () => repeatFor(forMs, publish)));
  return {
    total: runs.reduce((sum, run) => sum + run.total, 0),
    elapsedMs: Math.max(...runs.map((run) => run.elapsedMs)),
  };
}

/** Replaying a stream through a reader next to fetching the very same pages with bare ranged GETs, in turns. */
export async function replay(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const values = await sampleValues(VALUES_PER_BATCH, VALUE_BYTES, options.data);
  const publisher = lab.client();
  const wanted = options.quick ? 128 * MIB : 512 * MIB;
  for (let bytes = 0; bytes < wanted; bytes += 4 * VALUES_PER_BATCH * VALUE_BYTES) {
    await Promise.all([0, 1, 2, 3].map(() => publisher.publish('replayed', values)));
  }
  const consumer = lab.client({ urls: [lab.readerUrl] });
  const pages = await pagesOf(lab, consumer);
  const ours: number[] = [];
  const raw: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    raw.push(await rawRead(lab, pages));
    ours.push(await replayOnce(consumer));
  }
  const ratio = median(ours.map((rate, round) => rate / (raw[round] ?? Number.NaN)));
  return [
    {
      what: `replay of ${wanted / MIB} MiB through a reader`,
      ours: `${fixed(median(ours), 0)} MB/s`,
      against: `${fixed(median(raw), 0)} MB/s, ranged GET of 4 MiB of the same`,
      result: `${fixed(ratio)} ×`,
      goal: '≥ 0.8 ×',
      met: ratio >= 0.8,
    },
  ];
}

interface StoredPages {
  readonly ref: SegmentRef;
  readonly bytes: number;
}

/** Where the stream lies in storage: less than a segment's worth, so in one segment. */
async function pagesOf(lab: Lab, consumer: VaultClient): Promise<StoredPages> {
  const stored = await lab.storage.documents.get(namePath('replayed'));
  const document = stored && parseNameDocument(stored.body);
  if (document?.role !== 'stream') throw new Error('the stream that was published to has no document');
  const { container } = document;
  const segments = await lab.storage.pages.listSegments(container);
  const [segment] = segments;
  if (segment === undefined || segments.length > 1)
    throw new Error(`expected one segment, not ${segments.length}`);
  const { bytes } = await consumer.stats('replayed');
  return { ref: { container, segment }, bytes };
}

async function rawRead(lab: Lab, { ref, bytes }: StoredPages): Promise<number> {
  const startedAt = performance.now();
  for (let offset = 0; offset < bytes; offset += 4 * MIB) {
    await lab.storage.pages.readRange(ref, { offset, length: Math.min(4 * MIB, bytes - offset) });
  }
  return megabytes(bytes, performance.now() - startedAt);
}

async function replayOnce(consumer: ReturnType<Lab['client']>): Promise<number> {
  const startedAt = performance.now();
  let bytes = 0;
  for await (const chunk of consumer.readChunks('replayed')) {
    for (const message of chunk.messages) bytes += message.value.byteLength;
  }
  return megabytes(bytes, performance.now() - startedAt);
}
