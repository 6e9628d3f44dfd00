import type { Lab } from '../lab.ts';
import { rawSegment, repeatFor, sampleValues } from '../lab.ts';
import { fixed, median, megabytes, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const MIB = 1024 * 1024;
const VALUE_BYTES = 4096;
/** As many as fit a batch of one MiB. */
const VALUES_PER_BATCH = 254;
const PRODUCERS = 4;
const ROUNDS = 3;

/** Bulk publishing next to putting the same bytes into a page blob bare, in turns. */
export async function bulkPublish(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const values = await sampleValues(VALUES_PER_BATCH, VALUE_BYTES, options.data);
  const block = Buffer.concat(await sampleValues(4, MIB, options.data));
  const clients = Array.from({ length: PRODUCERS }, () => lab.client());
  const raw: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const segment = await rawSegment(lab.storage, 8192 * MIB);
    const bare = await repeatFor(options.roundMs, async () => {
      await segment.write(block);
      return block.byteLength;
    });
    raw.push(megabytes(bare.total, bare.elapsedMs));
    await lab.storage.pages.deleteContainer(segment.ref.container);
    const published = await Promise.all(
      clients.map((client) =>
        publishFor(options.roundMs, () =>
          client.publish('bulk', values).then(() => VALUES_PER_BATCH * VALUE_BYTES),
        ),
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

/** Replaying that stream through a reader next to fetching the same number of bytes with bare ranged GETs. */
export async function replay(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const values = await sampleValues(VALUES_PER_BATCH, VALUE_BYTES, options.data);
  const publisher = lab.client();
  const wanted = options.quick ? 128 * MIB : 512 * MIB;
  const segment = await rawSegment(lab.storage, 8192 * MIB);
  const block = Buffer.concat(await sampleValues(4, MIB, options.data));
  for (let bytes = 0; bytes < wanted; bytes += 4 * VALUES_PER_BATCH * VALUE_BYTES) {
    await Promise.all([0, 1, 2, 3].map(() => publisher.publish('replayed', values)));
    await segment.write(block);
  }
  const consumer = lab.client({ urls: [lab.readerUrl] });
  const ours: number[] = [];
  const raw: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    raw.push(await rawRead(lab, segment));
    ours.push(await replayOnce(consumer));
  }
  const ratio = median(ours.map((rate, round) => rate / (raw[round] ?? Number.NaN)));
  return [
    {
      what: `replay of ${wanted / MIB} MiB through a reader`,
      ours: `${fixed(median(ours), 0)} MB/s`,
      against: `${fixed(median(raw), 0)} MB/s, ranged GET of 4 MiB`,
      result: `${fixed(ratio)} ×`,
      goal: '≥ 0.8 ×',
      met: ratio >= 0.8,
    },
  ];
}

async function rawRead(
  lab: Lab,
  segment: { ref: { container: string; segment: string }; writtenBytes: number },
): Promise<number> {
  const startedAt = performance.now();
  for (let offset = 0; offset < segment.writtenBytes; offset += 4 * MIB) {
    await lab.storage.pages.readRange(segment.ref, { offset, length: 4 * MIB });
  }
  return megabytes(segment.writtenBytes, performance.now() - startedAt);
}

async function replayOnce(consumer: ReturnType<Lab['client']>): Promise<number> {
  const startedAt = performance.now();
  let bytes = 0;
  for await (const chunk of consumer.readChunks('replayed')) {
    for (const message of chunk.messages) bytes += message.value.byteLength;
  }
  return megabytes(bytes, performance.now() - startedAt);
}
