import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, type VaultClient, type VaultMessage } from '../src/index.ts';
import { type RealNodes, startNodes } from './support/real-nodes.ts';

let cluster: RealNodes;
let client: VaultClient;

beforeAll(async () => {
  cluster = await startNodes({ readers: 1 });
  client = createClient({ urls: cluster.urls });
});

afterAll(async () => {
  await client.close();
  await cluster[Symbol.asyncDispose]();
});

const values = (messages: readonly VaultMessage[]): string[] => messages.map((message) => message.text());

describe('a client and real nodes', () => {
  test('what is published through any node is read through any other', async () => {
    for (const url of cluster.urls) {
      const one = createClient({ urls: [url], followLeader: false });
      await one.publish('shared', `through ${url}`);
      await one.close();
    }
    for (const url of cluster.urls) {
      const one = createClient({ urls: [url] });
      expect(values(await Array.fromAsync(one.read('shared')))).toEqual(
        cluster.urls.map((each) => `through ${each}`),
      );
      await one.close();
    }
  });

  test('concurrent publishes come back in their order, with the places they were told', async () => {
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, index) => client.publish('many', `${index}`)),
    );
    const messages = await Array.fromAsync(client.read('many'));
    expect(values(messages)).toEqual(Array.from({ length: 500 }, (_, index) => `${index}`));
    expect(messages.map(({ offset }) => offset)).toEqual(results.map(({ firstOffset }) => firstOffset));
    expect(messages.map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      results.map(({ firstSequenceNumber }) => firstSequenceNumber),
    );
  });

  test('bulk goes through pipelined and is read back in pieces', async () => {
    const messages = Array.from({ length: 3000 }, (_, index) => Buffer.alloc(4096, index % 251));
    const result = await client.publish('bulk', messages);
    expect(result.count).toBe(3000);
    let count = 0;
    let pieces = 0;
    for await (const chunk of client.readChunks('bulk', { maxBytes: 2 * 1024 * 1024 })) {
      pieces += 1;
      for (const message of chunk.messages) {
        expect(message.value[4095]).toBe(count % 251);
        count += 1;
      }
    }
    expect(count).toBe(3000);
    expect(pieces).toBeGreaterThan(3);
  });

  test('every place to read from', async () => {
    const first = await client.publish('places', ['0', '1', '2', '3', '4']);
    const between = first.timestamp + 1;
    while (Date.now() <= between) await new Promise((resolve) => setImmediate(resolve));
    const second = await client.publish('places', ['5', '6', '7']);
    const from = async (place: Parameters<VaultClient['read']>[1]): Promise<string> =>
      values(await Array.fromAsync(client.read('places', place))).join('');
    expect(await from({})).toBe('01234567');
    expect(await from({ from: first.firstOffset + 2 })).toBe('234567');
    expect(await from({ from: first.nextOffset })).toBe('567');
    expect(await from({ from: { sequenceNumber: 3 } })).toBe('34567');
    expect(await from({ from: { timestamp: between } })).toBe('567');
    expect(await from({ from: { timestamp: new Date(between) } })).toBe('567');
    expect(await from({ from: { last: 4 } })).toBe('4567');
    expect(await from({ from: { last: 4 }, limit: 2 })).toBe('45');
    expect(await from({ from: 'latest' })).toBe('');
    await expect(from({ from: second.nextOffset + 65536 * 100 })).rejects.toMatchObject({
      code: 'offset_out_of_range',
    });
  });

  test('a tail gets what comes, from any node', async () => {
    for (const url of cluster.urls) {
      const one = createClient({ urls: [url] });
      const { nextOffset } = await client.publish('tailed', 'before');
      const tail = one.tail('tailed', { from: nextOffset });
      const next = tail.next();
      await client.publish('tailed', `for ${url}`);
      expect((await next).value?.text()).toBe(`for ${url}`);
      await tail.return();
      await one.close();
    }
  });

  test('compressed batches are read like others', async () => {
    const compressing = createClient({ urls: cluster.urls, codec: 'zstd' });
    await compressing.publish(
      'compressed',
      Array.from({ length: 1000 }, (_, index) => ({ value: { index, text: 'again and again' } })),
    );
    const { bytes } = await client.stats('compressed');
    expect(bytes).toBeLessThan(15_000);
    expect((await Array.fromAsync(client.read('compressed', { from: { last: 1 } })))[0]?.json()).toEqual({
      index: 999,
      text: 'again and again',
    });
    await compressing.close();
  });

  test('compare-and-append has one winner', async () => {
    const contenders = Array.from({ length: 5 }, () => createClient({ urls: cluster.urls }));
    const settled = await Promise.allSettled(
      contenders.map((contender, index) =>
        contender.publish('won', `${index}`, { expectedSequenceNumber: 0 }),
      ),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of settled) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ code: 'sequence_mismatch', expectedSequenceNumber: 1 });
    }
    expect((await client.stats('won')).nextSequenceNumber).toBe(1);
    await Promise.all(contenders.map((contender) => contender.close()));
  });

  test('stats, names and the cluster are told by every node alike', async () => {
    await client.publish('told/a', ['x', 'y']);
    await client.publish('told/b', 'z');
    for (const url of cluster.urls) {
      const one = createClient({ urls: [url] });
      expect(await one.stats('told/a')).toMatchObject({
        earliestOffset: 0,
        earliestSequenceNumber: 0,
        nextSequenceNumber: 2,
      });
      expect(await Array.fromAsync(one.names({ prefix: 'told/' }))).toEqual([
        { name: 'told/a', role: 'stream' },
        { name: 'told/b', role: 'stream' },
      ]);
      const { leader, self } = await one.cluster();
      expect(leader).toMatchObject({ nodeId: 'master-1', url: cluster.urls[0] });
      expect(self.nodeId).toMatch(/^(master-1|reader-2)$/);
      await expect(one.stats('nobody')).rejects.toMatchObject({ code: 'not_found', status: 404 });
      await one.close();
    }
  });

  test('a bad message among many is the only one to fail', async () => {
    const tooLarge = Buffer.alloc(2 * 1024 * 1024);
    const settled = await Promise.allSettled([
      client.publish('mixed', 'small'),
      client.publish('mixed', tooLarge),
      client.publish('mixed', 'small too'),
    ]);
    const stored = settled.filter(({ status }) => status === 'fulfilled').length;
    expect((await client.stats('mixed')).nextSequenceNumber).toBe(stored);
    expect(stored).toBeGreaterThanOrEqual(2);
  });

  test('what cannot be done here is said: direct reads of a storage that hands out no access', async () => {
    await client.publish('direct', 'x');
    await expect(Array.fromAsync(client.readDirect('direct'))).rejects.toMatchObject({ code: 'unsupported' });
  });
});
