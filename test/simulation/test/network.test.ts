import { SeededRandom } from '@message-vault/runtime/testing';
import { expect, test } from 'vitest';
import { NetError } from '../src/network/exchange.ts';
import { Network, type Server } from '../src/network/network.ts';
import { Host, SimProcess } from '../src/world/process.ts';
import { calm } from '../src/world/weather.ts';
import { World } from '../src/world/world.ts';

const REQUEST = { method: 'POST', path: '/', headers: {}, body: undefined };

/** One request that arrives twice at a server that does all it is asked but the first: that it refuses, after `workMs`. */
async function refusedOnce(seed: number, workMs: number): Promise<{ done: number; status: number | string }> {
  const world = new World({ seed, calmAtMs: 30_000, keepTrace: false });
  world.skies.set({ ...calm, network: { ...calm.network, again: 1 } });
  const client = new SimProcess(world, new Host('client'));
  const process = new SimProcess(world, new Host('server'));
  let served = 0;
  let done = 0;
  const serve: Server['serve'] = async () => {
    served += 1;
    if (served > 1) done += 1;
    const status = served > 1 ? 202 : 429;
    await new Promise<void>((answer) => process.setTimer(workMs, answer));
    return { status, headers: {}, body: new Uint8Array() };
  };
  const network = new Network(world);
  network.listen('http://server.test', { host: 'server', process, serve });
  const sent = network.send(client, 'http://server.test', REQUEST, { timeoutMs: 60_000 }).then(
    ({ status }) => status,
    (error: unknown) => (error instanceof NetError ? error.code : 'bug'),
  );
  const status = await world.clock.run(sent);
  await world.clock.advance(30_000);
  return { done, status };
}

test('nobody hears that a request was refused of which a copy was done', async () => {
  const random = new SeededRandom(1);
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 50; seed += 1) {
    const { done, status } = await refusedOnce(seed, random.next() * 20_000);
    outcomes.add(`${status}, ${done} done`);
  }
  expect([...outcomes].sort()).toEqual(['429, 0 done', 'lost, 1 done']);
});
