import { azureStorage } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { assign, candidates, json } from './support/vault.ts';

let azurite: Azurite;

beforeAll(async () => {
  azurite = await startAzurite({ inMemory: true });
});

afterAll(async () => {
  await azurite.stop();
});

/** Two nodes that can lead, over one Azurite, each with connections of its own. */
function pair(systemContainer: string) {
  return candidates(() => azureStorage({ connectionString: azurite.connectionString, systemContainer }));
}

function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function valuesOf(url: string): Promise<string[]> {
  const { messages } = await json<{ messages: { valueText: string }[] }>(fetch(`${url}?maxBytes=4194304`));
  return messages.map(({ valueText }) => valueText);
}

test('a handover in the middle leaves everything in the streams behind routers once and in order, and all of it in the queue', async () => {
  const [master, slave] = await pair('mv-routers-a');
  const roles = { all: 'router', next: 'router', copy: 'stream', far: 'stream', audit: 'queue' };
  for (const [name, role] of Object.entries(roles)) {
    expect((await assign(master.url, `app/${name}`, { role })).status).toBe(201);
  }
  for (const [from, to] of [
    ['all', 'copy'],
    ['all', 'audit'],
    ['all', 'next'],
    ['next', 'far'],
  ]) {
    const made = await post(`${slave.url}/app/${from}/-/subscriptions`, { target: { name: `app/${to}` } });
    expect(made.status).toBe(201);
  }
  const sent: string[] = [];
  const publish = async (count: number): Promise<void> => {
    for (let each = 0; each < count; each += 1) {
      const value = `m${sent.length}`;
      const init = { method: 'POST', body: value, headers: { 'content-type': 'text/plain' } };
      const answer = await fetch(`${(each % 2 === 0 ? master : slave).url}/app/all`, init);
      expect(answer.status).toBe(202);
      sent.push(value);
    }
  };
  await publish(40);
  const handover = post(`${master.url}/-/cluster/handover`, {});
  await publish(40);
  const handed = await handover;
  expect(await handed.text()).toContain('"leader":{"nodeId":"slave"');
  await publish(20);
  for (const name of ['copy', 'far']) {
    await vi.waitUntil(async () => (await valuesOf(`${slave.url}/app/${name}`)).length >= sent.length, {
      timeout: 20_000,
    });
    expect(await valuesOf(`${slave.url}/app/${name}`)).toEqual(sent);
  }
  const taken = new Set<string>();
  while (taken.size < sent.length) {
    const answer = await fetch(`${master.url}/app/audit/-/head?timeout=10`, { method: 'DELETE' });
    expect(answer.status).toBe(200);
    taken.add(await answer.text());
  }
  expect([...taken].toSorted()).toEqual(sent.toSorted());
}, 60_000);

test('messages of a router `one` go to one queue each, and a removed router leaves nothing behind to be handed on', async () => {
  const [master] = await pair('mv-routers-b');
  expect((await assign(master.url, 'app/work', { role: 'router', messageDistribution: 'one' })).status).toBe(
    201,
  );
  for (const name of ['a', 'b']) {
    expect((await assign(master.url, `app/${name}`, { role: 'queue' })).status).toBe(201);
    await post(`${master.url}/app/work/-/subscriptions`, { target: { name: `app/${name}` } });
  }
  const batch = { messages: Array.from({ length: 40 }, (_, index) => ({ valueText: `m${index}` })) };
  const headers = { 'content-type': 'application/vnd.message-vault.batch+json' };
  const url = `${master.url}/app/work`;
  expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(batch) })).status).toBe(202);
  const depth = async (name: string): Promise<number> =>
    (await json<{ depth: number }>(fetch(`${master.url}/app/${name}/-/stats`))).depth;
  await vi.waitUntil(async () => (await depth('a')) + (await depth('b')) === 40, { timeout: 20_000 });
  expect(Math.min(await depth('a'), await depth('b'))).toBeGreaterThan(5);
  expect((await fetch(`${url}/-/policy`, { method: 'DELETE' })).status).toBe(204);
  expect((await assign(master.url, 'app/work', { role: 'router' })).status).toBe(201);
  expect(await json(fetch(`${url}/-/subscriptions`))).toEqual({ subscriptions: [] });
}, 60_000);
