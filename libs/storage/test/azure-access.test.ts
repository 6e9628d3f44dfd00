import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { systemRuntime } from '@message-vault/runtime';
import { azureStorage, type ReadGrant, type SegmentRef, type Storage } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { developmentAccount } from '../src/azure/connection-string.ts';
import { codeOf, freshName } from '../src/conformance/outcomes.ts';
import { bytesAt, freshSegment, page, pagesOf } from '../src/conformance/segment.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const tls = { certFile: fixture('loopback-cert.pem'), keyFile: fixture('loopback-key.pem') };

let azurite: Azurite;
let owner: Storage;

beforeAll(async () => {
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(tls.certFile, 'utf8')]);
  azurite = await startAzurite({ inMemory: true, tls });
  owner = azureStorage({ connectionString: azurite.connectionString });
});

afterAll(async () => {
  await owner.close();
  await azurite.stop();
});

/** A token as Microsoft's login gives one; Azurite looks at its claims and not at its signature. */
function token(expiresInSeconds = 3600): { token: string; expiresOnTimestamp: number } {
  const now = Math.floor(Date.now() / 1000);
  const tenant = crypto.randomUUID();
  const claims = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${tenant}/`,
    ...{ iat: now - 60, nbf: now - 60, exp: now + expiresInSeconds, oid: crypto.randomUUID(), tid: tenant },
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    token: `${part({ alg: 'none' })}.${part(claims)}.unsigned`,
    expiresOnTimestamp: (now + expiresInSeconds) * 1000,
  };
}

function byToken(): Storage {
  return azureStorage({
    accountUrl: azurite.blobUrl,
    queueUrl: azurite.queueUrl,
    credential: { getToken: async () => token() },
  });
}

/** Everything a queue and a body can go through, by whatever `storage` is let in with. */
async function useQueueAndBody({ queues, pages, bodies }: Storage): Promise<void> {
  const name = freshName('mv-used');
  await queues.createQueue(name);
  await queues.send(name, pagesOf(1));
  expect(await queues.peek(name, 1)).toHaveLength(1);
  const [held] = await queues.receive(name, { max: 1, visibilityTimeoutMs: 60_000 });
  if (held === undefined) expect.unreachable('nothing received');
  const renewed = await queues.update(name, held, { visibilityTimeoutMs: 60_000, body: pagesOf(1) });
  await queues.delete(name, { ...held, ...renewed });
  expect(await queues.properties(name)).toEqual({ approximateCount: 0 });
  await queues.deleteQueue(name);
  await pages.createContainer(name);
  await bodies.put(name, 'a', pagesOf(1));
  expect(await bodies.get(name, 'a')).toEqual(pagesOf(1));
  await bodies.delete(name, 'a');
  expect((await bodies.list(name)).bodies).toEqual([]);
}

/** A segment with a page of ones at its start. */
async function writtenSegment(storage: Storage): Promise<{ ref: SegmentRef; etag: string }> {
  const { ref, etag } = await freshSegment(storage.pages);
  return { ref, ...(await storage.pages.writePages(ref, 0, pagesOf(1), { epoch: 1, etag })) };
}

async function grantOf(storage: Storage, container: string, validForMs = 60_000): Promise<ReadGrant> {
  const grant = await storage.grants?.grantRead(container, validForMs);
  return grant ?? expect.unreachable('this storage can grant');
}

/** What a grant must open, and what it must not. */
async function expectReadOnly(
  grant: ReadGrant,
  { ref, etag }: { ref: SegmentRef; etag: string },
): Promise<void> {
  const granted = azureStorage({ containerSasUrl: grant.url });
  const { pages } = granted;
  expect(await bytesAt({ store: pages, ref, etag }, 0, 2 * page)).toEqual(
    Uint8Array.from([...pagesOf(1), ...pagesOf(0)]),
  );
  expect(await pages.segmentProperties(ref)).toMatchObject({ etag, epoch: 1 });
  expect(await pages.writtenRanges(ref, { offset: 0, length: 8 * page })).toEqual([
    { offset: 0, length: page },
  ]);
  expect(await pages.listSegments(ref.container)).toEqual([ref.segment]);
  expect(await codeOf(pages.writePages(ref, page, pagesOf(2), { epoch: 1, etag }))).toBe('unauthorized');
  expect(await codeOf(pages.fence(ref, 2))).toBe('unauthorized');
  expect(await codeOf(pages.deleteSegment(ref))).toBe('unauthorized');
  expect(await codeOf(pages.createSegment({ ...ref, segment: 'x' }, { sizeBytes: page, epoch: 1 }))).toBe(
    'unauthorized',
  );
  expect(await codeOf(pages.listSegments(freshName('other')))).toBe('unauthorized');
  expect(
    await codeOf(pages.readRange({ ...ref, container: freshName('other') }, { offset: 0, length: 1 })),
  ).toBe('unauthorized');
  expect(await codeOf(granted.documents.get('leader'))).toBe('unauthorized');
  expect(await codeOf(granted.leases.break('leader-lease'))).toBe('unauthorized');
  expect(granted.grants).toBeUndefined();
  await granted.close();
}

describe('azure: access by account key', () => {
  it('grants read access to one container, and nothing more', async () => {
    const segment = await writtenSegment(owner);
    const grant = await grantOf(owner, segment.ref.container);
    expect(grant.expiresAt - Date.now()).toBeGreaterThan(50_000);
    expect(grant.expiresAt - Date.now()).toBeLessThanOrEqual(60_000);
    await expectReadOnly(grant, segment);
  });

  it('a grant that has expired opens nothing', async () => {
    const { ref } = await writtenSegment(owner);
    const anHourAgo = { ...systemRuntime, now: () => Date.now() - 3_600_000 };
    const early = azureStorage({ connectionString: azurite.connectionString, runtime: anHourAgo });
    const granted = azureStorage({ containerSasUrl: (await grantOf(early, ref.container)).url });
    expect(await codeOf(granted.pages.listSegments(ref.container))).toBe('unauthorized');
    expect(await codeOf(granted.pages.readRange(ref, { offset: 0, length: 1 }))).toBe('unauthorized');
    await Promise.all([early.close(), granted.close()]);
  });

  it.each([
    ['two days behind', -48 * 3_600_000],
    ['an hour behind', -3_600_000],
    ['two days ahead', 48 * 3_600_000],
  ])('lets a node in whose clock is %s, after one refusal at most', async (_, offMs) => {
    const runtime = { ...systemRuntime, now: () => Date.now() + offMs };
    const wrong = azureStorage({ connectionString: azurite.connectionString, runtime });
    for (const call of [
      () => wrong.documents.get('leader'),
      () => wrong.leases.ensure('some-lease'),
      () => wrong.pages.createContainer(freshName('mv-wrong-clock')),
      () => wrong.queues.createQueue(freshName('mv-wrong-clock')),
    ]) {
      await call().catch((error: unknown) => expect(error).toMatchObject({ code: 'unauthorized' }));
      await call();
    }
    await wrong.close();
  });

  it('grants no longer than a week and no shorter than a second', async () => {
    const week = 7 * 24 * 3_600_000;
    expect(await codeOf(grantOf(owner, 'mv-any', week + 1))).toBe('invalid_request');
    expect(await codeOf(grantOf(owner, 'mv-any', 999))).toBe('invalid_request');
    expect(await codeOf(grantOf(owner, 'mv-any', Number.NaN))).toBe('invalid_request');
    expect((await grantOf(owner, 'mv-any', week)).expiresAt).toBeGreaterThan(Date.now());
  });

  it('with a wrong key is refused, as unauthorized', async () => {
    const wrongKey = Buffer.alloc(64, 1).toString('base64');
    const connectionString = azurite.connectionString.replace(developmentAccount.key, wrongKey);
    const stranger = azureStorage({ connectionString });
    expect(await codeOf(stranger.documents.get('leader'))).toBe('unauthorized');
    expect(await codeOf(stranger.pages.createContainer('mv-any'))).toBe('unauthorized');
    expect(await codeOf(stranger.queues.createQueue('mv-any'))).toBe('unauthorized');
    expect(await codeOf(stranger.queues.send('mv-any', pagesOf(1)))).toBe('unauthorized');
    await stranger.close();
  });

  it('goes as far as queues and bodies', () => useQueueAndBody(owner));
});

describe('azure: access by SAS', () => {
  function accountSas(permissions = 'r'): string {
    const values = {
      expiresOn: new Date(Date.now() + 600_000),
      permissions: AccountSASPermissions.parse(permissions),
      services: 'bq',
      resourceTypes: 'sco',
    };
    const credential = new StorageSharedKeyCredential(developmentAccount.name, developmentAccount.key);
    return generateAccountSASQueryParameters(values, credential).toString();
  }

  it('of the account goes as far as its queues, and no further than it allows', async () => {
    const query = accountSas('rwdlacup');
    const { blobUrl, queueUrl } = azurite;
    const urls = `BlobEndpoint=${blobUrl};QueueEndpoint=${queueUrl}`;
    for (const how of [
      { connectionString: `${urls};SharedAccessSignature=${query}` },
      { accountUrl: `${blobUrl}?${query}`, queueUrl },
    ]) {
      const storage = azureStorage(how);
      await useQueueAndBody(storage);
      await storage.close();
    }
    const reader = azureStorage({ accountUrl: `${blobUrl}?${accountSas()}`, queueUrl });
    const queue = freshName('mv-read');
    await owner.queues.createQueue(queue);
    expect(await reader.queues.peek(queue, 1)).toEqual([]);
    expect(await codeOf(reader.queues.send(queue, pagesOf(1)))).toBe('unauthorized');
    await reader.close();
  });

  it('of the account reads what it allows, in a connection string and in an account URL alike', async () => {
    const { ref, etag } = await writtenSegment(owner);
    const query = accountSas();
    for (const how of [
      { connectionString: `BlobEndpoint=${azurite.blobUrl}/;SharedAccessSignature=${query}` },
      { accountUrl: `${azurite.blobUrl}?${query}` },
    ]) {
      const storage = azureStorage(how);
      expect(await storage.pages.segmentProperties(ref)).toMatchObject({ etag });
      expect(await codeOf(storage.pages.writePages(ref, 0, pagesOf(1), { epoch: 1, etag }))).toBe(
        'unauthorized',
      );
      expect(storage.grants).toBeUndefined();
      await storage.close();
    }
  });
});

describe('azure: access by token', () => {
  it('reads and writes, with the SDK and without', async () => {
    const storage = byToken();
    const segment = await writtenSegment(storage);
    expect(await bytesAt({ store: storage.pages, ...segment }, 0, page)).toEqual(pagesOf(1));
    await storage.close();
  });

  it('goes as far as queues and bodies', async () => {
    const storage = byToken();
    await useQueueAndBody(storage);
    await storage.close();
  });

  it('grants read access with a user delegation key', async () => {
    const storage = byToken();
    const segment = await writtenSegment(storage);
    const grant = await grantOf(storage, segment.ref.container);
    expect(new URL(grant.url).searchParams.has('skoid')).toBe(true);
    await expectReadOnly(grant, segment);
    await storage.close();
  });

  it('asks for a token once for many calls, and for a new one before it expires', async () => {
    let now = Date.now();
    let asked = 0;
    const credential = {
      getToken: async () => {
        asked++;
        return { ...token(), expiresOnTimestamp: now + 3_600_000 };
      },
    };
    const runtime = { ...systemRuntime, now: () => now };
    const storage = azureStorage({ accountUrl: azurite.blobUrl, credential, runtime });
    await Promise.all(Array.from({ length: 10 }, () => storage.documents.get('leader')));
    expect(asked).toBe(1);
    now += 3_600_000 - 4 * 60_000;
    await storage.documents.get('leader');
    expect(asked).toBe(2);
    await storage.close();
  });

  it('that can’t be had fails a read as unavailable, and the next one asks again', async () => {
    let asked = 0;
    const credential = {
      getToken: async () => {
        asked++;
        if (asked === 1) throw new Error('the identity service is down');
        return token();
      },
    };
    const storage = azureStorage({ accountUrl: azurite.blobUrl, credential, maxTries: 1 });
    expect(await codeOf(storage.documents.get('leader'))).toBe('unavailable');
    expect(await storage.documents.get('leader')).toBeUndefined();
    await storage.close();
  });

  it('that is refused is not used again, and a new one asked for once in a while', async () => {
    let asked = 0;
    const credential = {
      getToken: async () => {
        asked++;
        return { ...token(), ...(asked === 1 && { token: 'revoked' }) };
      },
    };
    const storage = azureStorage({ accountUrl: azurite.blobUrl, credential });
    expect(await codeOf(storage.documents.get('leader'))).toBe('unauthorized');
    expect(await storage.documents.get('leader')).toBeUndefined();
    expect(asked).toBe(2);
    await storage.close();
  });

  it('that never comes keeps nobody beyond the time the call has', async () => {
    const credential = { getToken: () => new Promise<never>(() => {}) };
    const timeouts = { readTimeoutMs: 30, writeTimeoutMs: 30, maxTries: 1 };
    const storage = azureStorage({ accountUrl: azurite.blobUrl, credential, ...timeouts });
    expect(await codeOf(storage.documents.get('leader'))).toBe('unavailable');
    const conditions = { epoch: 1, etag: '"0x1"' };
    expect(
      await codeOf(
        storage.pages.writePages({ container: 'mv-any', segment: '0' }, 0, pagesOf(1), conditions),
      ),
    ).toBe('outcome_unknown');
    await storage.close();
  });

  it('is never sent over plain http', () => {
    const secure = 'https://127.0.0.1:10000/devstoreaccount1';
    const plain = 'http://127.0.0.1:10000/devstoreaccount1';
    expect(() => azureStorage({ accountUrl: plain })).toThrow(/https only/);
    expect(() => azureStorage({ accountUrl: secure, queueUrl: plain })).toThrow(/https only/);
  });
});
