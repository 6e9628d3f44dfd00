import { createNode, type VaultNode } from '@message-vault/node';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, type Transport, type TransportRequest, type VaultClient } from '../src/index.ts';
import { undiciTransport } from '../src/undici-transport.ts';

let azurite: Azurite;
let node: VaultNode;
let client: VaultClient;
const requests: TransportRequest[] = [];

beforeAll(async () => {
  azurite = await startAzurite({ inMemory: true });
  node = await createNode({
    nodeId: 'master-1',
    app: 'master',
    port: 0,
    storage: azurite.connectionString,
    logLevel: 'silent',
  });
  client = createClient({ urls: [node.url], transport: recording() });
  await client.publish(
    'direct',
    Array.from({ length: 2000 }, (_, index) => `${index}`),
  );
  await client.publish(
    'direct',
    Array.from({ length: 2000 }, (_, index) => `${2000 + index}`),
  );
});

afterAll(async () => {
  await client?.close();
  await node?.stop();
  await azurite?.stop();
});

function recording(): Transport {
  const inner = undiciTransport({ maxConnectionsPerNode: 4, pipelining: 4, connectTimeoutMs: 1000 });
  return {
    send(request) {
      requests.push(request);
      return inner.send(request);
    },
    close: () => inner.close(),
  };
}

describe('reading straight from storage', () => {
  test('gives the same messages, and asks the node for access only', async () => {
    const throughNode = await Array.fromAsync(
      client.read('direct'),
      (message) => `${message.offset} ${message.id} ${message.text()}`,
    );
    requests.length = 0;
    const direct = await Array.fromAsync(
      client.readDirect('direct'),
      (message) => `${message.offset} ${message.id} ${message.text()}`,
    );
    expect(direct).toEqual(throughNode);
    expect(direct).toHaveLength(4000);
    expect(requests.map(({ path }) => path)).toEqual(['/direct/-/access']);
  });

  test('begins wherever it is asked to', async () => {
    const texts = async (options: Parameters<VaultClient['readDirect']>[1]): Promise<string[]> =>
      Array.fromAsync(client.readDirect('direct', options), (message) => message.text());
    expect(await texts({ from: { last: 2 } })).toEqual(['3998', '3999']);
    expect(await texts({ from: { sequenceNumber: 1999 }, limit: 2 })).toEqual(['1999', '2000']);
    expect(await texts({ from: 'latest' })).toEqual([]);
    expect(await texts({ from: 10, limit: 1 })).toEqual(['10']);
  });

  test('asks for access again before it runs out', async () => {
    const shortLived = createClient({ urls: [node.url], transport: expiringSoon(recording()) });
    requests.length = 0;
    let count = 0;
    for await (const chunk of shortLived.readDirectChunks('direct', { maxBytes: 1024 }))
      count += [...chunk.messages].length;
    expect(count).toBe(4000);
    expect(requests.length).toBeGreaterThan(1);
    await shortLived.close();
  });

  test('says what is wrong: an offset beyond the tail, a name that is none', async () => {
    await expect(
      Array.fromAsync(client.readDirect('direct', { from: 65536 * 100_000 })),
    ).rejects.toMatchObject({ code: 'offset_out_of_range' });
    await expect(Array.fromAsync(client.readDirect('nobody'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

/** Grants that say they are over already; the storage still takes them. */
function expiringSoon(inner: Transport): Transport {
  return {
    async send(request) {
      const response = await inner.send(request);
      if (!request.path.endsWith('/-/access')) return response;
      const grant: unknown = JSON.parse(Buffer.from(response.body).toString());
      return { ...response, body: Buffer.from(JSON.stringify({ ...Object(grant), expires: Date.now() })) };
    },
    close: () => inner.close(),
  };
}
