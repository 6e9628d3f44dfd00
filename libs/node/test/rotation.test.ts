import { rotateClusterSecret } from '@message-vault/bus';
import { systemRuntime } from '@message-vault/runtime';
import { memoryStorage } from '@message-vault/storage';
import { noRedisBecause, RedisServer } from '@message-vault/wakeup/testing';
import { expect, onTestFinished, test } from 'vitest';
import { assign, json, runningNode } from './support/vault.ts';

async function lockAt(url: string): Promise<string> {
  const received = await fetch(`${url}/work/-/head`, { method: 'POST' });
  expect(received.status).toBe(201);
  return new URL(received.headers.get('location') ?? '', url).pathname;
}

const acknowledge = async (url: string, lock: string): Promise<number> =>
  (await fetch(`${url}${lock}`, { method: 'DELETE' })).status;

test.skipIf(noRedisBecause !== undefined)(
  'nodes that know a new secret of the cluster and nodes that do not yet serve the same queues and streams',
  async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.remove());
    const storage = memoryStorage();
    const { url: leader } = await runningNode('master', storage, redis.url);
    await assign(leader, 'work', { role: 'queue', lockDuration: 'PT60S' });
    for (const job of ['a', 'b', 'c', 'd']) await fetch(`${leader}/work`, { method: 'POST', body: job });
    const [before, beforeToo] = [await lockAt(leader), await lockAt(leader)];
    expect(await rotateClusterSecret(storage.documents, systemRuntime)).toBe(true);
    const { url: reader } = await runningNode('reader', storage, redis.url);
    const [after, afterToo] = [await lockAt(reader), await lockAt(reader)];
    expect(await acknowledge(reader, before)).toBe(200);
    expect(await acknowledge(leader, after)).toBe(200);
    expect(await acknowledge(leader, beforeToo)).toBe(200);
    expect(await acknowledge(reader, afterToo)).toBe(200);

    const published = await fetch(`${reader}/orders`, { method: 'POST', body: '0' });
    expect(published.status).toBe(201);
    const end = await fetch(`${reader}/orders?from=latest`);
    const waiting = fetch(`${reader}/orders?from=${end.headers.get('next-offset')}&wait=30`);
    await fetch(`${reader}/orders`, { method: 'POST', body: '1' });
    expect(await json<{ messages: unknown[] }>(waiting)).toMatchObject({ messages: [{ sequenceNumber: 1 }] });
  },
);
