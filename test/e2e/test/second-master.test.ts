import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@message-vault/up';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, getJson, type LocalCluster, localCluster } from './support/local-cluster.ts';

const masterProgram = fileURLToPath(new URL('../../../apps/master/bin/master.js', import.meta.url));

let local: LocalCluster;
let second: ChildProcess;
let secondUrl: string;

beforeAll(async () => {
  local = await localCluster({ slaves: 0, readers: 0 });
  const [port = 0] = await freePorts(1);
  secondUrl = `http://127.0.0.1:${port}`;
  const storage = local.cluster.storage.connection;
  second = spawn(process.execPath, [masterProgram, '--listen', `127.0.0.1:${port}`, '--storage', storage], {
    stdio: 'ignore',
  });
  await eventually(
    'the second master listening',
    async () => (await getJson(`${secondUrl}/-/health/live`)).json,
  );
});

afterAll(async () => {
  second.kill('SIGKILL');
  await local.stop();
});

test('a second master started by mistake stands by: it writes nothing itself and passes publishes on to the first', async () => {
  await eventually('the second master seeing the first', async () => {
    const { json } = await getJson(`${secondUrl}/-/health/ready`);
    return json.role === 'standby' || undefined;
  });
  const published = await fetch(`${secondUrl}/orders`, { method: 'POST', body: 'through the second' });
  expect(published.status).toBe(201);
  expect(published.headers.get('vault-role')).toBe('standby');
  expect(published.headers.get('vault-leader')).toBe(local.node('master').url);
  const { json } = await getJson(`${local.node('master').url}/-/cluster`);
  expect(json).toMatchObject({ leader: { nodeId: 'master-1', epoch: 1 }, self: { role: 'leading' } });
});

test('the second master leads under a higher epoch once the first is killed, and writing goes on', async () => {
  await local.cluster.kill(local.node('master').id);
  const answer = await eventually('a publish through the second master', async () => {
    const response = await fetch(`${secondUrl}/orders`, { method: 'POST', body: 'after' });
    return response.status === 201 ? response : undefined;
  });
  expect(Number(answer.headers.get('vault-epoch'))).toBe(2);
  const { json } = await getJson(`${secondUrl}/orders?from=earliest`);
  expect(json).toMatchObject({
    messages: [{ valueText: 'through the second', sequenceNumber: 0 }, { sequenceNumber: 1 }],
  });
});

test('SIGTERM ends a node that leads with exit code 0, and what it acknowledged last is stored', async () => {
  const publishing = Array.from({ length: 20 }, (_, count) =>
    fetch(`${secondUrl}/last-words`, { method: 'POST', body: `${count}` }).then(
      (response) => response.status,
    ),
  );
  const first = await Promise.race(publishing);
  expect(first).toBe(201);
  const ended = once(second, 'exit');
  second.kill('SIGTERM');
  const [code] = await ended;
  expect(code).toBe(0);
  const statuses = await Promise.allSettled(publishing);
  const acknowledged = statuses.filter(
    (status) => status.status === 'fulfilled' && status.value === 201,
  ).length;
  await local.cluster.restart(local.node('master').id);
  const { json } = await getJson(`${local.node('master').url}/last-words/-/stats`);
  expect(json.nextSequenceNumber).toBeGreaterThanOrEqual(acknowledged);
});
