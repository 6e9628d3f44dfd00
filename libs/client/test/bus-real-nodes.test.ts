import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createClient, type VaultClient } from '../src/index.ts';
import { type RealNodes, startNodes } from './support/real-nodes.ts';

let cluster: RealNodes;
let client: VaultClient;

beforeAll(async () => {
  cluster = await startNodes({ slaves: 1, readers: 1 });
  client = createClient({ urls: cluster.urls });
});

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const byNumber = (a: string, b: string): number => Number(a) - Number(b);

describe('names', () => {
  test('are assigned, changed under their ETag, listed and removed', async () => {
    const name = client.name('real/audit');
    await expect(name.policy()).rejects.toMatchObject({ code: 'not_found' });
    const made = await name.assign({ role: 'queue', lockDuration: '30s' });
    expect(made).toMatchObject({ role: 'queue', policy: { lockDuration: 'PT30S' } });
    await expect(name.assign({ role: 'router' })).rejects.toMatchObject({ code: 'conflict' });
    const changed = await name.change({ ...made.policy, lockDuration: '60s' }, { ifMatch: made.etag });
    expect(changed.etag).not.toBe(made.etag);
    await expect(name.change({}, { ifMatch: made.etag })).rejects.toMatchObject({
      code: 'changed_meanwhile',
    });
    await expect(name.change({ role: 'router' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(name.change({ lockDuration: 'soon' })).rejects.toMatchObject({ code: 'rejected' });
    expect(await Array.fromAsync(client.name('real').children())).toContainEqual({
      name: 'real/audit',
      role: 'queue',
    });
    await name.remove();
    await expect(name.policy()).rejects.toMatchObject({ code: 'not_found' });
    await name.assign({ role: 'stream' });
  });
});

describe('queues', () => {
  test('more messages than a queue takes at once arrive in parts, each once', async () => {
    await client.name('real/many').assign({ role: 'queue' });
    const values = numbers(2500);
    const { messageIds, count, firstOffset } = await client.publish('real/many', values);
    expect(count).toBe(2500);
    expect(new Set(messageIds).size).toBe(2500);
    expect(firstOffset).toBeNaN();
    const seen: string[] = [];
    const stop = new AbortController();
    await client.queue('real/many').consume(
      (message) => {
        seen.push(message.text());
        if (seen.length === values.length) stop.abort();
      },
      { concurrency: 32, signal: stop.signal },
    );
    expect(seen.sort(byNumber)).toEqual(values);
    expect((await client.queue('real/many').stats()).depth).toBe(0);
  }, 60_000);

  test('messages keep their kind, key and headers, byte for byte', async () => {
    await client.name('real/kinds').assign({ role: 'queue' });
    const json = '{"big":12345678901234567890,"text":"\\u00fc"}';
    await client.publish('real/kinds', [
      {
        value: json,
        kind: 'json',
        key: 'k',
        headers: [
          ['a', '1'],
          ['a', '2'],
        ],
      },
      Uint8Array.of(0, 255),
      'grüß',
    ]);
    const queue = client.queue('real/kinds');
    const peeked = await queue.peek();
    const taken = [await queue.take(), await queue.receive(), await queue.receive()];
    for (const messages of [peeked, taken]) {
      const found = messages.map((message) => [
        message?.kind,
        Buffer.from(message?.value ?? []).toString('latin1'),
      ]);
      expect(found.sort()).toEqual(
        [
          ['json', json],
          ['bytes', '\0ÿ'],
          ['text', Buffer.from('grüß').toString('latin1')],
        ].sort(),
      );
      const [first] = messages.filter((message) => message?.key === 'k');
      expect(first?.headers).toEqual([
        ['a', '1'],
        ['a', '2'],
      ]);
    }
  });

  test('delay and time to live are those of the messages they were given with', async () => {
    await client.name('real/times').assign({ role: 'queue' });
    await Promise.all([
      client.publish('real/times', 'later', { delayMs: 3_600_000 }),
      client.publish('real/times', 'now'),
      client.publish('real/times', 'also now', { timeToLiveMs: 60_000 }),
    ]);
    const queue = client.queue('real/times');
    const seen = [await queue.take({ waitSeconds: 5 }), await queue.take({ waitSeconds: 5 })];
    expect(seen.map((message) => message?.text()).sort()).toEqual(['also now', 'now']);
    expect(await queue.take()).toBeUndefined();
  });

  test('a lock is good on every node, and settles a message once', async () => {
    await client.name('real/locks').assign({ role: 'queue' });
    await client.publish('real/locks', ['a', 'b']);
    for (const url of cluster.urls.slice(1)) {
      await using other = createClient({ urls: [url] });
      const message = await client.queue('real/locks').receive({ waitSeconds: 5 });
      const lock = other.queue('real/locks').lock(message?.lock.id ?? '');
      await lock.renew();
      expect(lock.remainingMs).toBeGreaterThan(50_000);
      await lock.acknowledge();
      await expect(message?.lock.renew()).rejects.toMatchObject({ code: 'lock_lost' });
    }
    await expect(client.queue('real/locks').lock('made-up').release()).rejects.toMatchObject({
      code: 'lock_lost',
      status: 410,
    });
  });

  test('dead letters have their reason, and come back', async () => {
    await client.name('real/letters').assign({ role: 'queue' });
    await client.publish('real/letters', 'x');
    const queue = client.queue('real/letters');
    await (await queue.receive({ waitSeconds: 5 }))?.lock.deadLetter('no address');
    const [dead] = await client.queue('real/letters/dead-letter').peek();
    expect(dead?.deadLetter).toMatchObject({ reason: 'no address', source: 'real/letters' });
    expect(await queue.redrive()).toBe(1);
    expect((await queue.receive({ waitSeconds: 5 }))?.text()).toBe('x');
  });
});

describe('routers', () => {
  test('every subscriber gets what its filter lets through, from where it was to begin', async () => {
    await client.name('real/jobs').assign({ role: 'router', messageDistribution: 'all' });
    await client.name('real/all').assign({ role: 'stream' });
    await client.name('real/some').assign({ role: 'stream' });
    const { firstOffset } = await client.publish('real/jobs', [
      'before',
      { value: 'red', headers: { colour: 'red' } },
    ]);
    expect(firstOffset).toBe(0);
    const jobs = client.router('real/jobs');
    const { id } = await jobs.subscribe({ name: 'real/all' }, { from: 'earliest' });
    await jobs.subscribe({ name: 'real/some' }, { from: 'earliest', filter: "header('colour') = 'red'" });
    await client.publish('real/jobs', 'after');
    const texts = async (stream: string, limit: number) =>
      await Array.fromAsync(client.tail(stream, { from: 'earliest', limit }), (message) => message.text());
    expect(await texts('real/all', 3)).toEqual(['before', 'red', 'after']);
    expect(await texts('real/some', 1)).toEqual(['red']);
    expect(await jobs.pause(id)).toMatchObject({ state: 'paused', target: { name: 'real/all' } });
    expect(await jobs.resume(id)).toMatchObject({ state: 'active' });
    await expect(jobs.subscribe({ name: 'real/jobs' })).rejects.toMatchObject({ code: 'conflict' });
    await jobs.unsubscribe(id);
    expect(await jobs.subscriptions()).toHaveLength(1);
    await expect(jobs.subscription(id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(jobs.subscribe({ name: 'real/all' }, { filter: 'nonsense' })).rejects.toMatchObject({
      code: 'rejected',
    });
  });

  test('listeners of a router to one share its messages, over a change of the leader', async () => {
    await client.name('real/work').assign({ role: 'router', messageDistribution: 'one' });
    const stop = new AbortController();
    const seen: string[][] = [[], []];
    const listening = seen.map((mine) =>
      client.router('real/work').listen((message) => void mine.push(message.text()), { signal: stop.signal }),
    );
    const connected = async () => expect((await client.router('real/work').stats()).listeners).toBe(2);
    await vi.waitFor(connected, { timeout: 10_000 });
    const values = numbers(200);
    await client.publish('real/work', values.slice(0, 100));
    await client.handover();
    await client.publish('real/work', values.slice(100));
    await vi.waitFor(() => expect(seen.flat().length).toBeGreaterThanOrEqual(200), { timeout: 20_000 });
    stop.abort();
    await Promise.all(listening);
    expect(seen.flat().sort(byNumber)).toEqual(values);
    expect(Math.min(...seen.map((mine) => mine.length))).toBeGreaterThan(0);
  }, 60_000);

  test('a listener of a router to all misses nothing of what came while it was away', async () => {
    await client.name('real/news').assign({ role: 'router', messageDistribution: 'all' });
    const stop = new AbortController();
    const seen: string[] = [];
    const connections: string[] = [];
    const listening = client.router('real/news').listen((message) => void seen.push(message.text()), {
      signal: stop.signal,
      onConnected: ({ url }) => connections.push(url),
    });
    await vi.waitFor(() => expect(connections).toHaveLength(1), { timeout: 10_000 });
    const values = numbers(60);
    await client.publish('real/news', values.slice(0, 20));
    await client.handover();
    await client.publish('real/news', values.slice(20, 40));
    await vi.waitFor(() => expect(seen).toHaveLength(40), { timeout: 20_000 });
    await client.publish('real/news', values.slice(40));
    await vi.waitFor(() => expect(seen).toHaveLength(60), { timeout: 20_000 });
    stop.abort();
    await listening;
    expect(seen).toEqual(values);
    expect(connections.length).toBeGreaterThan(1);
  }, 60_000);
});
