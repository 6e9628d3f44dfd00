import { createClient, isVaultClientError } from '@message-vault/client';
import type { SimNode } from '../node/node.ts';
import { simulatedTransport } from '../workload/transport.ts';
import { Host, SimProcess } from '../world/process.ts';
import type { Cluster } from './cluster.ts';
import { readFinally } from './final-read.ts';
import { spoilAndRead } from './spoil.ts';

/** After the last fault everybody is served again within this: a lease that nobody may break, and the back-off after it. */
const LIVELY_WITHIN_MS = 45_000;
/** What was published before is ended by then: the longest delivery time-out. */
const ENDED_WITHIN_MS = 35_000;
const CAUGHT_UP_WITHIN_MS = 12_000;
/** Longer than a lease lasts: whoever wanted to take over has done so. */
const QUIET_MS = 17_000;
/**
 * A takeover that began under the last faults may end after them: whoever was at it waits for an answer that never comes, the
 * longest storage time-out, by a clock that may have stood still till then, and takes a second besides.
 */
const UNDER_WAY_MS = 6000;
const STEP_MS = 20;

/** How long after the last fault everybody was served again, virtual milliseconds. */
export interface Recovery {
  readonly livelyAfterMs: number;
}

/** From the last fault on: everything has to work again, and nothing may turn out to be wrong with what was stored. */
export async function recoverAndJudge(cluster: Cluster): Promise<Recovery> {
  const { world } = cluster;
  const isLively = (): boolean =>
    cluster.producers.every((producer) => producer.lastStoredStartedMs >= world.calmAtMs);
  if (!(await until(cluster, isLively, LIVELY_WITHIN_MS)))
    world.broken('liveness', `not every producer is served ${LIVELY_WITHIN_MS} ms after the last fault`);
  const livelyAfterMs = world.nowMs - world.calmAtMs;
  for (const producer of cluster.producers) producer.stop();
  const isEnded = (): boolean => cluster.producers.every((producer) => producer.isIdle);
  if (!(await until(cluster, isEnded, ENDED_WITHIN_MS)))
    world.broken('liveness', 'a publish has not ended, one way or the other');
  await cluster.bus?.comeToRest();
  await catchUp(cluster);
  for (const consumer of cluster.consumers) consumer.kill();
  await world.clock.advance(QUIET_MS);
  await cluster.bus?.finish();
  judgeLeadership(cluster);
  for (const node of cluster.nodes) await readThrough(cluster, node);
  await world.clock.run(readFinally(cluster));
  for (const { check, first } of cluster.history.finish().findings) world.broken(check, first);
  await world.clock.run(spoilAndRead(cluster));
  return { livelyAfterMs };
}

async function until(cluster: Cluster, holds: () => boolean, withinMs: number): Promise<boolean> {
  const { clock } = cluster.world;
  const deadline = clock.monotonic() + withinMs;
  while (!holds()) {
    if (clock.monotonic() >= deadline) return false;
    await clock.advance(STEP_MS);
  }
  return true;
}

/** Whoever chases the tail gets there. */
async function catchUp(cluster: Cluster): Promise<void> {
  const { world } = cluster;
  const tails = cluster.consumers.filter((consumer) => consumer.mode === 'tail');
  const behind = () => tails.filter((tail) => tail.nextNumber < cluster.history.nextNumberOf(tail.stream));
  if (await until(cluster, () => behind().length === 0, CAUGHT_UP_WITHIN_MS)) return;
  for (const { name, nextNumber, stream } of behind())
    world.broken(
      'liveness',
      `${name} waits for number ${nextNumber} of ${cluster.history.nextNumberOf(stream)}`,
    );
}

/** One leader, known to all, and at most one change after the last fault. */
function judgeLeadership(cluster: Cluster): void {
  const { world, led, handovers } = cluster;
  const late = led.filter(({ atMs }) => atMs > world.calmAtMs + UNDER_WAY_MS);
  const asked = handovers.filter(({ endedAtMs = world.nowMs }) => endedAtMs > world.calmAtMs);
  if (late.length > 1 + asked.length) {
    const who = late.map(({ node, epoch, atMs }) => `${node} epoch ${epoch} at ${Math.round(atMs)}`);
    world.broken(
      'flapping',
      `leadership changed ${late.length} times after the last fault: ${who.join(', ')}`,
    );
  }
  const views = cluster.nodes.map((node) => node.broker?.status().leader);
  const epochs = new Set(views.map((leader) => leader?.epoch));
  const leading = cluster.brokers.filter((node) => node.broker?.status().role === 'leading');
  if (leading.length !== 1)
    world.broken('liveness', `${leading.length} nodes lead when everything has come to rest`);
  if (epochs.size !== 1 && cluster.nodes.every((node) => node.app !== 'reader'))
    world.broken('liveness', `the nodes know of different leaders: ${[...epochs].join(', ')}`);
}

/** What the node itself serves: its caches have seen all that happened. */
async function readThrough(cluster: Cluster, node: SimNode): Promise<void> {
  const { world, network, history } = cluster;
  const process = new SimProcess(world, new Host(`reader of ${node.name}`));
  const client = createClient({
    urls: [node.url],
    runtime: process,
    transport: simulatedTransport(network, process),
    followLeader: false,
  });
  world.whenOver(() => void client.close());
  for (const stream of cluster.streamNames) {
    const consumer = `a client of ${node.name}`;
    const pass = async (): Promise<number> => {
      let next = 0;
      for await (const message of client.read(stream, { from: 'earliest' })) {
        history.read(stream, consumer, message);
        next = message.sequenceNumber + 1;
      }
      return next;
    };
    try {
      const next = await world.clock.run(pass(), 60_000);
      if (next < history.nextNumberOf(stream))
        world.broken('I1', `${node.name} serves ${stream} up to ${next} of ${history.nextNumberOf(stream)}`);
    } catch (error) {
      if (!isVaultClientError(error)) throw error;
      world.broken('I1', `${node.name} can't serve ${stream}: ${String(error)}`);
    }
  }
  process.kill();
}
