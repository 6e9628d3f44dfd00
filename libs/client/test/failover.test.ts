import { expect, test } from 'vitest';
import { createClient, type PublishResult } from '../src/index.ts';
import { startNodes } from './support/real-nodes.ts';

test('a planned handover under load: no publish fails, every message is there once and in order, the tail sees them all', async () => {
  await using cluster = await startNodes({ slaves: 1, readers: 1 });
  const client = createClient({ urls: cluster.urls });
  await client.publish('orders', 'first');
  const seen: string[] = [];
  const tailing = (async () => {
    for await (const message of client.tail('orders', { from: 'earliest' })) {
      seen.push(message.text());
      if (message.text() === 'last') return;
    }
  })();
  const published: Promise<PublishResult>[] = [];
  let publishing = true;
  const load = (async () => {
    for (let index = 0; publishing; index += 1) {
      published.push(client.publish('orders', `${index}`));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  const before = await client.cluster();
  const leader = await client.handover();
  expect(leader?.nodeId).not.toBe(before.leader?.nodeId);
  await client.publish('orders', 'in between');
  expect((await client.handover())?.nodeId).toBe(before.leader?.nodeId);
  publishing = false;
  await load;
  await Promise.all(published);
  await client.publish('orders', 'last');
  await tailing;
  const numbers = seen.filter((value) => /^\d+$/.test(value));
  expect(numbers).toEqual(Array.from({ length: published.length }, (_, index) => `${index}`));
  expect(seen).toHaveLength(published.length + 3);
  await client.close();
});
