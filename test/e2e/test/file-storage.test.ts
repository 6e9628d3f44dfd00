import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, getJson, type LocalCluster, localCluster } from './support/local-cluster.ts';

let dir: string;
let local: LocalCluster;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mvault-e2e-data-'));
  local = await localCluster({ storage: { connection: `file:${dir}` } });
});

afterAll(async () => {
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

const published = new Map<string, number>();

async function publish(count: number): Promise<void> {
  const client = local.client();
  for (let at = 0; at < count; at++) {
    const value = `message ${published.size}`;
    const { firstSequenceNumber } = await client.publish('orders', { value });
    published.set(value, firstSequenceNumber);
  }
}

async function expectAllThere(): Promise<void> {
  const found = new Map<string, number>();
  for await (const { sequenceNumber, text } of readAll()) found.set(text, sequenceNumber);
  expect([...found]).toEqual([...published]);
}

async function* readAll(): AsyncGenerator<{ sequenceNumber: number; text: string }> {
  for await (const message of local.client().read('orders'))
    yield { sequenceNumber: message.sequenceNumber, text: message.text() };
}

test('with its storage in a folder, a cluster publishes, reads at every node, and has a queue', async () => {
  await publish(50);
  await expectAllThere();
  const { url } = local.node('master');
  const policy = { 'content-type': 'application/vnd.message-vault.policy+json' };
  const made = await fetch(`${url}/jobs`, { method: 'POST', headers: policy, body: '{"role":"queue"}' });
  expect(made.status).toBe(201);
  expect((await fetch(`${url}/jobs`, { method: 'POST', body: 'to do' })).status).toBe(202);
});

test('direct reads are refused in so many words: a folder can not be handed out', async () => {
  const { status, json } = await getJson(`${local.node('reader').url}/orders/-/access`);
  expect([status, json.code]).toEqual([409, 'not_possible']);
});

test('when the master is killed the standby leads on, in the same folder, with everything there', async () => {
  await local.cluster.kill(local.node('master').id);
  await publish(50);
  const { json } = await getJson(`${local.node('slave').url}/-/cluster`);
  expect(json).toMatchObject({ self: { role: 'leading' } });
  await expectAllThere();
});

test('when all processes are killed, all that was acknowledged is there after a new start', async () => {
  const ids = local.cluster.nodes.map(({ id }) => id);
  await Promise.all(ids.map((id) => local.cluster.kill(id)));
  await Promise.all(ids.map((id) => local.cluster.restart(id)));
  await expectAllThere();
  await publish(10);
  await expectAllThere();
  const received = await eventually('the message of the queue', async () => {
    const answer = await fetch(`${local.node('reader').url}/jobs/-/head?timeout=5`, { method: 'DELETE' });
    return answer.status === 200 ? answer.text() : undefined;
  });
  expect(received).toBe('to do');
});
