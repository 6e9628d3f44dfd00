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
/** Making them is given up after this long, and what the rest would cost is calculated. */
const MAKE_FOR_MS = 400_000;
const MADE_AT_ONCE = 8;
/** A node gives back what its work has left some twenty seconds after it, and a minute later where the machine is too busy then. */
const GIVEN_BACK_MIB = 10;
const GIVEN_BACK_SECONDS = 100;
const WATCHED_SECONDS = 30;
const LISTED_AT_ONCE = 1000;

interface Footprint {
  readonly streams: number;
  readonly residentMiB: number;
  /** Of the storage, in `WATCHED_SECONDS`. */
  readonly calls: number;
}

/** What ten thousand streams that were published to once cost the master while nobody uses them. */
export async function idleStreams(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const most = options.streams ?? (options.quick ? 600 : GOAL_STREAMS);
  const client = lab.client({ deliveryTimeoutMs: 60_000 });
  const deadline = performance.now() + MAKE_FOR_MS;
  const few = await makeStreams(client, 0, Math.ceil(most / 5), deadline);
  const first = await footprint(lab, few);
  const made = await makeStreams(client, few, most, deadline);
  const last = await footprint(lab, made);
  return [memoryRow(first, last), callsRow(last)];
}

/** Answers how many there are then. */
async function makeStreams(client: VaultClient, from: number, to: number, deadline: number): Promise<number> {
  let made = from;
  while (made < to && performance.now() < deadline) {
    const some = Array.from({ length: Math.min(MADE_AT_ONCE, to - made) }, (_, index) => made + index);
    await Promise.all(some.map((index) => client.publish(`idle/${index}`, 'one')));
    made += some.length;
  }
  return made;
}

async function footprint(lab: Lab, streams: number): Promise<Footprint> {
  const { pid } = lab.node('master');
  await givenBack(pid);
  const callsBefore = await lab.counter(lab.masterUrl, 'mvault_storage_calls_total');
  await pause(WATCHED_SECONDS * 1000);
  const calls = (await lab.counter(lab.masterUrl, 'mvault_storage_calls_total')) - callsBefore;
  return { streams, residentMiB: memoryOf(pid).residentMiB, calls };
}

/** Waits until the process has given memory back, or would have by now. */
async function givenBack(pid: number): Promise<void> {
  const before = memoryOf(pid).residentMiB;
  for (let seconds = 0; seconds < GIVEN_BACK_SECONDS; seconds += 5) {
    await pause(5000);
    if (memoryOf(pid).residentMiB < before - GIVEN_BACK_MIB) return;
  }
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

/** Nothing is asked for a stream. Once a minute all names are listed, to find those whose time is over. */
function callsRow({ streams, calls }: Footprint): Row {
  const most = Math.ceil(WATCHED_SECONDS * 0.4) + Math.ceil(streams / LISTED_AT_ONCE);
  return {
    what: `master with ${streams} idle streams: storage calls in ${WATCHED_SECONDS} s`,
    ours: `${calls}`,
    against: `lease renewals in 5 s, a look at the leader document in 10 s, a listing of names, ${LISTED_AT_ONCE} by a call, in 60 s`,
    result: `${calls}`,
    goal: `≤ ${most}`,
    met: calls <= most,
  };
}
