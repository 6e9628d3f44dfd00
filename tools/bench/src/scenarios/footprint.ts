import { setTimeout as pause } from 'node:timers/promises';
import type { VaultClient } from '@message-vault/client';
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

const GOAL_STREAMS = 10_000;
/** A node gives back what its work has left some twenty to thirty seconds after it. */
const SETTLED_SECONDS = 30;
const WATCHED_SECONDS = 30;

interface Footprint {
  readonly streams: number;
  readonly residentMiB: number;
  /** Of the storage, in `WATCHED_SECONDS`. */
  readonly calls: number;
}

/**
 * What ten thousand streams that were published to once cost the master while nobody uses them.
 *
 * Every call to Azurite looks at all containers of the account, so that many take it more than a quarter of an hour. What
 * a stream costs shows from fewer, and ten thousand are calculated; `--streams 10000` really makes them.
 */
export async function idleStreams(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const most = options.streams ?? (options.quick ? 600 : 3000);
  const few = Math.ceil(most / 5);
  // Azurite is that slow in the end.
  const client = lab.client({ deliveryTimeoutMs: 300_000, attemptTimeoutMs: 60_000 });
  await makeStreams(client, 0, few);
  const first = await footprint(lab, few);
  await makeStreams(client, few, most);
  const last = await footprint(lab, most);
  return [memoryRow(first, last), callsRow(last)];
}

async function makeStreams(client: VaultClient, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 10) {
    const some = Array.from({ length: Math.min(10, to - at) }, (_, index) => `idle/${at + index}`);
    await Promise.all(some.map((name) => client.publish(name, 'one')));
  }
}

async function footprint(lab: Lab, streams: number): Promise<Footprint> {
  await pause(SETTLED_SECONDS * 1000);
  const callsBefore = await lab.counter(lab.masterUrl, 'mvault_storage_calls_total');
  await pause(WATCHED_SECONDS * 1000);
  const calls = (await lab.counter(lab.masterUrl, 'mvault_storage_calls_total')) - callsBefore;
  return { streams, residentMiB: memoryOf(lab.node('master').pid).residentMiB, calls };
}

function memoryRow(few: Footprint, many: Footprint): Row {
  const perStreamMiB = (many.residentMiB - few.residentMiB) / (many.streams - few.streams);
  const residentMiB = many.residentMiB + perStreamMiB * (GOAL_STREAMS - many.streams);
  const points = [few, many].map((each) => `${fixed(each.residentMiB, 0)} MiB with ${each.streams}`);
  return {
    what: `master with ${GOAL_STREAMS} idle streams: memory${many.streams === GOAL_STREAMS ? '' : ', calculated'}`,
    ours: `${points.join(', ')}: ${fixed(perStreamMiB * 1024, 1)} KiB each`,
    against: '–',
    result: `${fixed(residentMiB, 0)} MiB`,
    goal: '< 200 MiB',
    met: residentMiB < 200,
  };
}

function callsRow({ streams, calls }: Footprint): Row {
  return {
    what: `master with ${streams} idle streams: storage calls in ${WATCHED_SECONDS} s`,
    ours: `${calls}`,
    against: 'lease renewals only: 1 in 5 s, and a look at the leader document in 10 s',
    result: `${calls}`,
    goal: `≤ ${Math.ceil(WATCHED_SECONDS * 0.4)}`,
    met: calls <= Math.ceil(WATCHED_SECONDS * 0.4),
  };
}
