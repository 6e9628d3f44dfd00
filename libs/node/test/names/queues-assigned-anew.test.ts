import { expect, it } from 'vitest';
import { assign, json, problemOf, remove, vault } from '../support/vault.ts';

interface Stats {
  readonly depth: number;
}

/** A queue that the reader knows, removed through the leader; the reader has not heard of it yet. */
async function removed(policy: object = { role: 'queue' }) {
  const cluster = await vault();
  const { leader, reader } = cluster;
  await assign(leader, 'work', policy);
  await fetch(`${reader}/work`, { method: 'POST', body: 'old' });
  const held = await fetch(`${reader}/work/-/head`, { method: 'POST' });
  const lock = held.headers.get('location') ?? '';
  expect(held.status).toBe(201);
  expect((await remove(leader, 'work')).status).toBe(204);
  return { ...cluster, lock };
}

it('a name that becomes a queue again is one at every node at once', async () => {
  const { leader, reader, lock } = await removed();
  await assign(leader, 'work', { role: 'queue' });
  expect((await fetch(`${reader}/work`, { method: 'POST', body: 'new' })).status).toBe(202);
  expect(await json<Stats>(fetch(`${leader}/work/-/stats`))).toMatchObject({ depth: 1 });
  expect((await fetch(`${reader}${lock}`, { method: 'DELETE' })).status).toBe(410);
  expect(await (await fetch(`${reader}/work/-/head`, { method: 'POST' })).text()).toBe('new');
});

it.each([
  ['POST', 'head', 204],
  ['DELETE', 'head', 204],
  ['GET', 'head', 200],
  ['GET', 'stats', 200],
  ['POST', 'redrive', 200],
])('so does %s of its %s', async (method, what, status) => {
  const { leader, reader } = await removed();
  await assign(leader, 'work', { role: 'queue' });
  expect((await fetch(`${reader}/work/-/${what}`, { method })).status).toBe(status);
});

it('whoever waits at a queue that is removed is told, unless there is another by then', async () => {
  const { leader, reader } = await removed();
  const answer = await fetch(`${reader}/work/-/head?timeout=20`, { method: 'POST' });
  expect(await problemOf(answer)).toMatchObject({ status: 404, code: 'no_such_name' });
  await assign(leader, 'work', { role: 'stream' });
  expect((await fetch(`${reader}/work`, { method: 'POST', body: 'x' })).status).toBe(201);
});

it('whoever waits for his turn at a queue that is removed is told as well, through every node', async () => {
  const { leader, reader } = await vault();
  await assign(leader, 'work', { role: 'queue', maxConcurrentReaders: 1 });
  await fetch(`${reader}/work`, { method: 'POST', body: 'job' });
  expect((await fetch(`${reader}/work/-/head`, { method: 'POST' })).status).toBe(201);
  const waiting = [leader, reader].map((at) => fetch(`${at}/work/-/head?timeout=50`, { method: 'POST' }));
  expect((await remove(leader, 'work')).status).toBe(204);
  for (const answer of await Promise.all(waiting))
    expect(await problemOf(answer)).toMatchObject({ status: 404, code: 'no_such_name' });
});

it('a queue that counted its readers leaves nothing behind of them', async () => {
  const { storage } = await removed({ role: 'queue', maxConcurrentReaders: 2 });
  await expect.poll(async () => (await storage.documents.list('queue-readers/')).paths).toEqual([]);
});
