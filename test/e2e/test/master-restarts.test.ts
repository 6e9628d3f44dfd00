import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, getJson, type LocalCluster, localCluster } from './support/local-cluster.ts';

let local: LocalCluster;
beforeAll(async () => {
  local = await localCluster({ slaves: 0 });
});
afterAll(() => local.stop());

interface Load {
  readonly acknowledged: Map<string, number>;
  readonly failures: unknown[];
  finish(): Promise<void>;
}

/** Several publishers that go on until they are told to end, each message with a value of its own. */
function publishOnAndOn(stream: string, publishers: number): Load {
  const client = local.client();
  const acknowledged = new Map<string, number>();
  const failures: unknown[] = [];
  let ended = false;
  const run = async (publisher: number): Promise<void> => {
    for (let count = 0; !ended; count++) {
      const value = `${publisher}:${count}`;
      try {
        const { firstSequenceNumber } = await client.publish(stream, { key: String(publisher), value });
        acknowledged.set(value, firstSequenceNumber);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const running = Promise.all(Array.from({ length: publishers }, (_, publisher) => run(publisher)));
  return {
    acknowledged,
    failures,
    async finish() {
      ended = true;
      await running;
    },
  };
}

async function readAll(stream: string): Promise<{ value: string; sequenceNumber: number; offset: number }[]> {
  const messages = [];
  for await (const message of local.client().read(stream)) {
    messages.push({ value: message.text(), sequenceNumber: message.sequenceNumber, offset: message.offset });
  }
  return messages;
}

function expectOnceAndInOrder(
  messages: Awaited<ReturnType<typeof readAll>>,
  acknowledged: Map<string, number>,
): void {
  expect(messages.map((message) => message.sequenceNumber)).toEqual(messages.map((_, index) => index));
  expect(new Set(messages.map((message) => message.value)).size).toBe(messages.length);
  const stored = new Map(messages.map((message) => [message.value, message.sequenceNumber]));
  for (const [value, sequenceNumber] of acknowledged) expect(stored.get(value)).toBe(sequenceNumber);
  const lastOf = new Map<string, number>();
  for (const { value } of messages) {
    const [publisher = '', count = ''] = value.split(':');
    expect(Number(count)).toBeGreaterThan(lastOf.get(publisher) ?? -1);
    lastOf.set(publisher, Number(count));
  }
}

test('after SIGKILL of the master in mid-load and a new start every acknowledged message is there once, in order', async () => {
  const load = publishOnAndOn('killed', 8);
  for (let round = 1; round <= 3; round++) {
    const before = load.acknowledged.size;
    await eventually('the load under way', async () => load.acknowledged.size > before + 300 || undefined);
    const { id } = local.node('master');
    await local.cluster.kill(id);
    await local.cluster.restart(id);
  }
  const before = load.acknowledged.size;
  await eventually(
    'acknowledgements after the last start',
    async () => load.acknowledged.size > before + 100 || undefined,
  );
  await load.finish();
  expect(load.failures).toEqual([]);
  expectOnceAndInOrder(await readAll('killed'), load.acknowledged);
  const { json } = await getJson(`${local.node('reader').url}/-/cluster`);
  expect(json).toMatchObject({ leader: { epoch: 4 } });
});

test('SIGTERM of the master in mid-load finishes what is in flight and loses nothing', async () => {
  const load = publishOnAndOn('stopped', 8);
  await eventually('the load under way', async () => load.acknowledged.size > 300 || undefined);
  const { id } = local.node('master');
  await local.cluster.kill(id, 'SIGTERM');
  await local.cluster.restart(id);
  const before = load.acknowledged.size;
  await eventually(
    'acknowledgements after the new start',
    async () => load.acknowledged.size > before + 100 || undefined,
  );
  await load.finish();
  expect(load.failures).toEqual([]);
  expectOnceAndInOrder(await readAll('stopped'), load.acknowledged);
});

test('what was published before a restart of everything, storage included, is still there', async () => {
  const client = local.client();
  const { firstOffset } = await client.publish('kept', {
    value: { kept: true },
    headers: { why: 'restart' },
  });
  await local.cluster.kill(local.node('master').id, 'SIGTERM');
  await local.cluster.kill('storage', 'SIGTERM');
  await local.cluster.restart('storage');
  await local.cluster.restart(local.node('master').id);
  const { status, json } = await getJson(`${local.node('reader').url}/kept?from=${firstOffset}`);
  expect(status).toBe(200);
  expect(json).toMatchObject({
    messages: [{ offset: firstOffset, value: { kept: true }, headers: { why: 'restart' } }],
  });
});
