import { setTimeout as pause } from 'node:timers/promises';
import { type Lab, memoryOf, sampleValues } from '../lab.ts';
import { fixed, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const MIB = 1024 * 1024;

/** Memory of a reader while a stream far larger than that is replayed through it. */
export async function readerMemory(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const wantedMiB = options.quick ? 256 : 2048;
  const values = await sampleValues(254, 4096, options.data);
  const publisher = lab.client();
  for (let batch = 0; batch < wantedMiB / 4; batch++) {
    await Promise.all([0, 1, 2, 3].map(() => publisher.publish('large', values)));
  }
  const consumer = lab.client({ urls: [lab.readerUrl] });
  let bytes = 0;
  for await (const chunk of consumer.readChunks('large')) {
    for (const message of chunk.messages) bytes += message.value.byteLength;
  }
  const { peakMiB } = memoryOf(lab.node('reader').pid);
  return [
    {
      what: `reader's memory after replaying ${fixed(bytes / MIB / 1024, 1)} GiB, peak`,
      ours: `${fixed(peakMiB, 0)} MiB`,
      against: '–',
      result: `${fixed(peakMiB, 0)} MiB`,
      goal: '< 300 MiB',
      met: peakMiB < 300,
    },
  ];
}

/** What ten thousand streams that were published to once cost the master while nobody uses them. */
export async function idleStreams(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const streams = options.quick ? 500 : 10_000;
  const client = lab.client();
  for (let at = 0; at < streams; at += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => client.publish(`idle/${at + index}`, 'one')));
  }
  const callsBefore = await lab.counter(lab.masterUrl, 'mvault_storage_calls_total');
  const seconds = options.quick ? 10 : 30;
  await pause(seconds * 1000);
  const calls = (await lab.counter(lab.masterUrl, 'mvault_storage_calls_total')) - callsBefore;
  const { residentMiB } = memoryOf(lab.node('master').pid);
  return [
    {
      what: `master with ${streams} idle streams: memory`,
      ours: `${fixed(residentMiB, 0)} MiB`,
      against: '–',
      result: `${fixed(residentMiB, 0)} MiB`,
      goal: '< 200 MiB',
      met: residentMiB < 200,
    },
    {
      what: `master with ${streams} idle streams: storage calls in ${seconds} s`,
      ours: `${calls}`,
      against: 'lease renewals only: 1 in 5 s, and a look at the leader document in 10 s',
      result: `${calls}`,
      goal: `≤ ${Math.ceil(seconds * 0.4)}`,
      met: calls <= Math.ceil(seconds * 0.4),
    },
  ];
}
