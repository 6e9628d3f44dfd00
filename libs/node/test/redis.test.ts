import { rotateClusterSecret } from '@message-vault/bus';
import { systemRuntime } from '@message-vault/runtime';
import { memoryStorage, type Storage } from '@message-vault/storage';
import { noRedisBecause, RedisServer } from '@message-vault/wakeup/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { json, runningNode } from './support/vault.ts';

/** A storage that knows what was read through it. */
class WatchedStorage {
  readonly storage: Storage;
  #read = '';
  #looked = Promise.withResolvers<void>();

  constructor(inner: Storage) {
    const { pages } = inner;
    this.storage = {
      ...inner,
      pages: {
        ...pages,
        readRange: async (...call) => {
          const read = await pages.readRange(...call);
          if (read.status === 'read') this.#read += Buffer.from(read.bytes).toString('latin1');
          this.#looked.resolve();
          return read;
        },
      },
    };
  }

  hasRead(text: string): boolean {
    return this.#read.includes(text);
  }

  /** The next look at a segment. */
  looked(): Promise<void> {
    this.#looked = Promise.withResolvers();
    return this.#looked.promise;
  }
}

/** Publishes `text` while somebody waits for it at the reader, and answers what he got. */
async function publishedToWaiter(
  urls: { leader: string; reader: string },
  text: string,
  look: Promise<void>,
) {
  const end = await fetch(`${urls.reader}/orders?from=last:0`);
  const from = end.headers.get('next-offset');
  const waiting = json<{ messages: { valueText: string }[] }>(
    fetch(`${urls.reader}/orders?from=${from}&wait=20`),
  );
  await look;
  await fetch(`${urls.leader}/orders`, {
    method: 'POST',
    body: text,
    headers: { 'content-type': 'text/plain' },
  });
  return (await waiting).messages.map(({ valueText }) => valueText);
}

/** Publishes until a message came to the reader by Redis alone. */
async function expectBrought(leader: string, reader: string, watched: WatchedStorage): Promise<void> {
  let brought = false;
  // Connections to Redis are made at their first use, so the first messages come another way.
  for (let count = 0; count < 200 && !brought; count += 1) {
    const text = `message ${count}, and no other`;
    expect(await publishedToWaiter({ leader, reader }, text, watched.looked())).toEqual([text]);
    brought = !watched.hasRead(text);
  }
  expect(brought).toBe(true);
}

describe.skipIf(noRedisBecause !== undefined)('over Redis', () => {
  it('a small message comes to a consumer at another node without being read from storage', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.remove());
    const storage = memoryStorage();
    const watched = new WatchedStorage(storage);
    const { url: leader } = await runningNode('master', storage, redis.url);
    const { url: reader } = await runningNode('reader', watched.storage, redis.url);
    await fetch(`${leader}/orders`, { method: 'POST', body: 'the first' });
    await expectBrought(leader, reader, watched);
  });

  it('it does so too while the one knows only the secret before and the other has the new one', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.remove());
    const storage = memoryStorage();
    const { url: leader } = await runningNode('master', storage, redis.url);
    const publish = () => fetch(`${leader}/orders`, { method: 'POST', body: 'before' });
    // Once a commit has been sent the leader knows the secret.
    await vi.waitUntil(async () => (await publish()).ok && (await storage.documents.get('queue-secret')));
    expect(await rotateClusterSecret(storage.documents, systemRuntime)).toBe(true);
    const watched = new WatchedStorage(storage);
    const { url: reader } = await runningNode('reader', watched.storage, redis.url);
    await expectBrought(leader, reader, watched);
  });
});
