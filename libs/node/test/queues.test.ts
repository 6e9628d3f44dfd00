import { readFile } from 'node:fs/promises';
import { defaultLimits } from '@message-vault/metadata';
import { memoryStorage } from '@message-vault/storage';
import { silentLogger } from '@message-vault/telemetry';
import { describe, expect, it, vi } from 'vitest';
import { createNode } from '../src/index.ts';
import { request } from './support/curl.ts';
import { assign, candidates, node, vault } from './support/vault.ts';

const page = await readFile(new URL('../../../docs/queues.md', import.meta.url), 'utf8');

describe('docs/queues.md', () => {
  it('has examples that work in the order they stand there, at the nodes they name', async () => {
    const { leader, reader } = await vault();
    const lines = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
      block.trim().split('\n'),
    );
    const answers: string[] = [];
    for (const line of lines) {
      const { url, init } = request(line);
      const at = url.replace('http://127.0.0.1:7001', leader).replace('http://127.0.0.1:7003', reader);
      const response = await fetch(at, init);
      answers.push(`${response.status} ${await response.text()}`);
    }
    expect(answers.map((answer) => answer.slice(0, 14))).toEqual([
      '201 {"role":"q',
      '202 {"queue":"',
      '202 {"queue":"',
      '202 {"queue":"',
      '201 {"job":1}',
      expect.stringMatching(/^200 [23]$/),
      '200 {"queue":"',
      '200 {"moved":0',
      '200 {"queue":"',
      expect.stringContaining('200 {"queue":"'),
    ]);
    expect(JSON.parse(answers.at(-1)?.slice(4) ?? '')).toMatchObject({
      depth: 3,
      locked: 2,
      deadLettered: 0,
    });
  });

  it('has the bounds that are in force, all of them', () => {
    const rows = [...page.matchAll(/\| (\d+)(?: \w+)? \| `queue\.(\w+)` \|/g)];
    expect(Object.fromEntries(rows.map(([, value, setting]) => [setting, Number(value)]))).toEqual(
      defaultLimits.queue,
    );
  });
});

async function waitersAt(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/-/metrics`)).text();
  return Number(/^mvault_queue_waiters\{.*\} (\d+)$/m.exec(metrics)?.[1]);
}

describe('queues on a cluster', () => {
  it('go on without a leader: put in, take out, acknowledge', async () => {
    const storage = memoryStorage();
    const config = { app: 'master', nodeId: 'm', port: 0, storage: 'memory', logLevel: 'silent' } as const;
    const leader = await createNode(config, { storage, logger: silentLogger });
    await vi.waitUntil(() => leader.notReady() === undefined);
    expect((await assign(leader.url, 'myapp/work', { role: 'queue' })).status).toBe(201);
    await leader.stop();
    const [reader, second] = [await node('reader', storage), await node('reader', storage)];
    const waiting = fetch(`${second}/myapp/work/-/head?timeout=20`, { method: 'POST' });
    const sent = await fetch(`${reader}/myapp/work`, { method: 'POST', body: 'job' });
    expect(sent.status).toBe(202);
    const held = await waiting;
    expect(await held.text()).toBe('job');
    expect(held.headers.get('vault-role')).toBe('reading');
    const lock = held.headers.get('location') ?? '';
    expect((await fetch(`${reader}${lock}`, { method: 'DELETE' })).status).toBe(200);
    expect((await fetch(`${second}${lock}`, { method: 'DELETE' })).status).toBe(410);
    const metrics = await (await fetch(`${reader}/-/metrics`)).text();
    for (const event of ['enqueued', 'acknowledged'])
      expect(metrics).toMatch(new RegExp(`^mvault_queue_messages_total\\{.*event="${event}".*\\} 1$`, 'm'));
  });

  it('are gone with their contents when the role is taken away, and begin empty when it is given anew', async () => {
    const { leader } = await vault();
    await assign(leader, 'myapp/work', { role: 'queue' });
    const body = Buffer.alloc(100_000, 1);
    await fetch(`${leader}/myapp/work`, { method: 'POST', body });
    expect((await fetch(`${leader}/myapp/work/-/policy`, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(`${leader}/myapp/work/-/head`, { method: 'POST' })).status).toBe(404);
    await assign(leader, 'myapp/work', { role: 'queue' });
    expect((await fetch(`${leader}/myapp/work/-/head`, { method: 'POST' })).status).toBe(204);
  });

  it('have nothing for who waits where leadership is handed over, and leave nobody in doubt', async () => {
    const storage = memoryStorage();
    const [{ url: leader }, { url: next }] = await candidates(() => storage);
    const reader = await node('reader', storage);
    await assign(leader, 'myapp/work', { role: 'queue', maxConcurrentReaders: 3 });
    const waiting = [leader, reader, next].map((at) =>
      fetch(`${at}/myapp/work/-/head?timeout=50`, { method: 'POST' }),
    );
    await vi.waitUntil(async () => (await waitersAt(leader)) === 3);
    expect((await fetch(`${leader}/-/cluster/handover`, { method: 'POST' })).status).toBe(200);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([204, 204, 204]);
    expect(await waitersAt(leader)).toBe(0);
  });

  it('keep their limit of readers through every node', async () => {
    const { leader, reader } = await vault();
    await assign(leader, 'myapp/work', { role: 'queue', maxConcurrentReaders: 1 });
    for (const body of ['1', '2']) await fetch(`${reader}/myapp/work`, { method: 'POST', body });
    const held = await fetch(`${reader}/myapp/work/-/head`, { method: 'POST' });
    expect(held.status).toBe(201);
    for (const at of [leader, reader])
      expect((await fetch(`${at}/myapp/work/-/head`, { method: 'POST' })).status).toBe(204);
    await fetch(`${reader}${held.headers.get('location')}`, { method: 'DELETE' });
    expect((await fetch(`${reader}/myapp/work/-/head`, { method: 'POST' })).status).toBe(201);
  });
});
