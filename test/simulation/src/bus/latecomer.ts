import { createClient, isVaultClientError } from '@message-vault/client';
import { makeMessage } from '../workload/messages.ts';
import { simulatedTransport } from '../workload/transport.ts';
import { Host, SimProcess } from '../world/process.ts';
import type { BusSurroundings } from './program.ts';

const WITHIN_MS = 20_000;

/** Publishes one message to a router when nothing waits there any more. */
export async function comeLate(router: string, around: BusSurroundings): Promise<void> {
  const { world, network, history, urls } = around;
  const name = `late-${router}`;
  const process = new SimProcess(world, new Host(name));
  const client = createClient({ urls, runtime: process, transport: simulatedTransport(network, process) });
  const { message, hash, label } = makeMessage(
    world.chance(name),
    { producer: name, sequence: 0 },
    { isLabelled: true },
  );
  const named = { stream: router, producer: name, sequence: 0 };
  history.add({ kind: 'start', ...named, hash, label });
  try {
    const answer = await world.clock.run(client.publish(router, [message]), WITHIN_MS);
    const { firstOffset: offset, firstSequenceNumber: sequenceNumber } = answer;
    history.add({ kind: 'ack', ...named, offset, sequenceNumber });
  } catch (error) {
    if (!isVaultClientError(error)) throw error;
    history.add({ kind: 'unknown', ...named, code: error.code });
    world.broken('liveness', `${router} takes nothing when nothing waits there any more: ${String(error)}`);
  }
  await world.clock.run(client.close(), WITHIN_MS);
  process.kill();
}
