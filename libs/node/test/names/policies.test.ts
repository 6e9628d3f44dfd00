import { faultyStorage, memoryStorage } from '@message-vault/storage';
import { describe, expect, it, vi } from 'vitest';
import {
  assign,
  change,
  json,
  node,
  POLICY,
  problemOf,
  remove,
  runningNode,
  vault,
} from '../support/vault.ts';

interface Messages {
  readonly messages: unknown[];
}
interface Names {
  readonly names: unknown[];
}

const ROLES = ['stream', 'queue', 'router', 'connection-point'];

describe('assigning a role', () => {
  it.each([...ROLES, 'metadata'])('of %s answers 201 with the policy in force, on any node', async (role) => {
    const { leader, reader } = await vault();
    const policy = { role, ...(role === 'metadata' ? { uri: 'https://example.org/' } : {}) };
    const made = await assign(reader, 'app/thing', policy);
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe('/app/thing/-/policy');
    const inForce = await made.json();
    expect(inForce).toMatchObject({ ...policy, authorization: 'required', discoverability: 'managers' });
    for (const url of [leader, reader]) {
      const read = await fetch(`${url}/app/thing/-/policy`);
      expect(read.headers.get('etag')).toBe(made.headers.get('etag'));
      expect(await read.json()).toEqual(inForce);
      const names = await (await fetch(`${url}/-/names?prefix=app`)).json();
      expect(names).toMatchObject({ names: [{ name: 'app/thing', role }], cursor: null });
    }
  });

  it.each<[string, object, string]>([
    ['an unknown field', { role: 'queue', colour: 'red' }, 'colour'],
    [
      'fields that contradict each other',
      { role: 'queue', lockDuration: '2m', maxMessageAge: '1m' },
      'lockDuration',
    ],
    [
      'an instant in the past',
      { role: 'queue', expirationInstant: '2020-01-01T00:00:00Z' },
      'expirationInstant',
    ],
    ['no role', { lockDuration: 'PT1S' }, 'role'],
  ])('with %s is refused, says which field, and leaves the name as it was', async (_what, policy, field) => {
    const { leader } = await vault();
    expect(await problemOf(await assign(leader, 'work', policy))).toMatchObject({
      status: 400,
      code: 'bad_policy',
      field,
    });
    expect((await fetch(`${leader}/work/-/policy`)).status).toBe(404);
  });

  it('of a name that has one is refused, also by its first publish, and changes nothing', async () => {
    const { leader, reader } = await vault();
    await assign(leader, 'work', { role: 'queue' });
    await fetch(`${leader}/orders`, { method: 'POST', body: '1' });
    for (const url of [leader, reader]) {
      for (const name of ['work', 'orders'])
        expect(await problemOf(await assign(url, name, { role: 'router' }))).toMatchObject({
          status: 409,
          code: 'name_taken',
        });
    }
    expect(await (await fetch(`${leader}/work/-/policy`)).json()).toMatchObject({ role: 'queue' });
  });

  it('of a name that can be none is refused', async () => {
    const { leader } = await vault();
    for (const name of ['-/names', 'a/-', '-', 'a b', 'a//b'])
      expect(await problemOf(await assign(leader, name, { role: 'queue' }))).toMatchObject({
        status: 400,
        code: 'bad_name',
      });
  });

  it('of one name by many at once succeeds once', async () => {
    const { leader, reader } = await vault();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        assign(at % 2 === 0 ? leader : reader, 'work', { role: ROLES[at % 4] }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(11).fill(409)]);
  });

  it('refuses a body that is too large, not JSON or no policy', async () => {
    const { leader } = await vault();
    const post = (body: string, headers: Record<string, string>) =>
      fetch(`${leader}/work`, { method: 'POST', headers, body });
    expect(await problemOf(await post('{', POLICY))).toMatchObject({ status: 400, code: 'bad_body' });
    expect(await problemOf(await post('[]', POLICY))).toMatchObject({ status: 400, code: 'bad_policy' });
    expect(await problemOf(await post(' '.repeat(70_000), POLICY))).toMatchObject({
      status: 413,
      code: 'too_large',
    });
    const put = await fetch(`${leader}/work/-/policy`, {
      method: 'PUT',
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    expect(await problemOf(put)).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });
});

describe('the dead letters of a queue or router', () => {
  it('are a queue of their own that comes and goes with its owner', async () => {
    const { leader, reader } = await vault();
    await assign(leader, 'work', { role: 'queue', lockDuration: 'PT5S' });
    for (const url of [leader, reader]) {
      const policy = await fetch(`${url}/work/dead-letter/-/policy`);
      expect(await policy.json()).toMatchObject({ role: 'queue', lockDuration: 'PT5S' });
    }
    expect(await problemOf(await change(leader, 'work/dead-letter', {}))).toMatchObject({
      status: 409,
      code: 'not_changeable',
    });
    expect(await problemOf(await remove(leader, 'work/dead-letter'))).toMatchObject({
      status: 409,
      code: 'not_changeable',
    });
    expect(await problemOf(await assign(leader, 'work/dead-letter', { role: 'stream' }))).toMatchObject({
      status: 409,
      code: 'name_taken',
    });
    const { children } = await json<{ children: unknown[] }>(fetch(`${leader}/work/-/children`));
    expect(children).toEqual([{ name: 'work/dead-letter', role: 'queue' }]);
    await remove(leader, 'work');
    expect((await fetch(`${leader}/work/dead-letter/-/policy`)).status).toBe(404);
  });

  it('keep a name from becoming a queue whose dead letters would be where something else is', async () => {
    const { leader } = await vault();
    await fetch(`${leader}/work/dead-letter`, { method: 'POST', body: '1' });
    for (const role of ['queue', 'router'])
      expect(await problemOf(await assign(leader, 'work', { role }))).toMatchObject({
        status: 409,
        code: 'name_taken',
      });
    expect((await assign(leader, 'work', { role: 'stream' })).status).toBe(201);
  });
});

describe('changing a policy', () => {
  it('puts what may change in the place of what was, and gives it another version', async () => {
    const { leader, reader } = await vault();
    const made = await assign(leader, 'orders', {
      role: 'stream',
      segmentBytes: '16MiB',
      maxMessageSize: 10,
    });
    const before = made.headers.get('etag') ?? '';
    const changed = await change(reader, 'orders', { retentionAge: 'PT1H' }, { 'if-match': before });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(before);
    expect(await changed.json()).toMatchObject({
      segmentBytes: 2 ** 24,
      retentionAge: 'PT3600S',
      maxMessageSize: 4_128_768,
    });
    const late = await change(leader, 'orders', { retentionAge: 'PT2H' }, { 'if-match': before });
    expect(await problemOf(late)).toMatchObject({ status: 412, code: 'precondition_failed' });
    expect(await problemOf(await remove(leader, 'orders', { 'if-match': before }))).toMatchObject({
      status: 412,
    });
    expect(await (await fetch(`${reader}/orders/-/policy`)).json()).toMatchObject({
      retentionAge: 'PT3600S',
    });
  });

  it('names what may not change', async () => {
    const { leader } = await vault();
    await assign(leader, 'jobs', { role: 'router' });
    const answer = await problemOf(await change(leader, 'jobs', { messageDistribution: 'one' }));
    expect(answer).toMatchObject({
      status: 409,
      code: 'not_changeable',
      detail: expect.stringContaining('messageDistribution'),
    });
    expect(await problemOf(await change(leader, 'jobs', { role: 'queue' }))).toMatchObject({
      status: 409,
      code: 'not_changeable',
    });
    expect(await problemOf(await change(leader, 'jobs', { lockDuration: '1s' }))).toMatchObject({
      status: 400,
      field: 'lockDuration',
    });
    expect(await problemOf(await change(leader, 'nobody', {}))).toMatchObject({
      status: 404,
      code: 'no_such_name',
    });
  });

  it('is in force for the next publish, also through another node', async () => {
    const { leader, reader } = await vault();
    await fetch(`${leader}/orders`, { method: 'POST', body: '12345678901' });
    expect((await change(reader, 'orders', { maxMessageSize: 10 })).status).toBe(200);
    for (const url of [leader, reader]) {
      const refused = await fetch(`${url}/orders`, { method: 'POST', body: '12345678901' });
      expect(await problemOf(refused)).toMatchObject({ status: 413, code: 'too_large' });
    }
  });

  it('of which many come at once with the same version succeeds once', async () => {
    const { leader } = await vault();
    const made = await assign(leader, 'work', { role: 'queue' });
    const etag = made.headers.get('etag') ?? '';
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        change(leader, 'work', { maxQueueLength: at + 1 }, { 'if-match': etag }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(412)]);
  });
});

describe('removing a role', () => {
  it('takes the contents along and leaves the name to be used again at once', async () => {
    const { leader, reader, storage } = await vault();
    await fetch(`${leader}/orders`, { method: 'POST', body: 'old' });
    expect((await json<Messages>(fetch(`${reader}/orders`))).messages).toHaveLength(1);
    expect((await remove(reader, 'orders')).status).toBe(204);
    expect((await fetch(`${leader}/orders/-/policy`)).status).toBe(404);
    expect((await json<Names>(fetch(`${leader}/-/names`))).names).toEqual([]);
    const again = await (await fetch(`${reader}/orders`, { method: 'POST', body: 'new' })).json();
    expect(again).toMatchObject({ firstSequenceNumber: 0 });
    for (const url of [leader, reader]) {
      const { messages } = await json<Messages>(fetch(`${url}/orders`));
      expect(messages).toMatchObject([{ sequenceNumber: 0 }]);
    }
    expect((await storage.documents.list('trash/')).paths).toHaveLength(1);
  });

  it('lets another role have the name at once', async () => {
    const { leader } = await vault();
    for (const role of [...ROLES, ...ROLES]) {
      expect((await assign(leader, 'work', { role })).status).toBe(201);
      expect((await remove(leader, 'work')).status).toBe(204);
    }
    expect(await problemOf(await remove(leader, 'work'))).toMatchObject({
      status: 404,
      code: 'no_such_name',
    });
  });

  it('ends what follows the stream', async () => {
    const { leader, reader } = await vault();
    await fetch(`${leader}/orders`, { method: 'POST', body: '1' });
    const following = await fetch(`${leader}/orders?from=latest`, {
      headers: { accept: 'text/event-stream' },
    });
    const waiting = fetch(`${leader}/orders?from=latest&wait=50`);
    const ended = following.text().then(
      () => 'ended',
      () => 'cut',
    );
    await remove(reader, 'orders');
    expect(['ended', 'cut']).toContain(await ended);
    expect((await waiting).status).toBeGreaterThanOrEqual(400);
  });

  it('goes on after an answer of the storage was lost', async () => {
    let lose = 0;
    const inner = memoryStorage();
    const storage = faultyStorage(inner, ({ operation, target }) => {
      if (operation !== 'documents.put' || target !== 'names/work!' || lose === 0) return undefined;
      lose -= 1;
      return { kind: 'lose_answer' };
    });
    const { leader } = await vault(storage);
    lose = 1;
    expect((await assign(leader, 'work', { role: 'queue' })).status).toBe(201);
    lose = 1;
    expect((await change(leader, 'work', { maxQueueLength: 3 })).status).toBe(200);
    lose = 1;
    expect((await remove(leader, 'work')).status).toBe(204);
    expect((await assign(leader, 'work', { role: 'stream' })).status).toBe(201);
  });
});

describe('a change of leaders', () => {
  it('leaves policies as they are, and the next leader changes them', async () => {
    const storage = memoryStorage();
    const first = await runningNode('master', storage);
    const next = await node('slave', storage);
    const made = await assign(first.url, 'work', { role: 'queue', maxQueueLength: 1 });
    const etag = made.headers.get('etag') ?? '';
    expect(await json(fetch(`${next}/work/-/policy`))).toMatchObject({ maxQueueLength: 1 });
    await first.stop();
    await vi.waitUntil(
      async () => (await fetch(`${next}/-/health/live`)).headers.get('vault-role') === 'leading',
      {
        timeout: 25_000,
      },
    );
    expect(await json(fetch(`${next}/work/-/policy`))).toMatchObject({ role: 'queue', maxQueueLength: 1 });
    expect((await change(next, 'work', { maxQueueLength: 2 }, { 'if-match': etag })).status).toBe(200);
    expect(await json(fetch(`${next}/work/-/policy`))).toMatchObject({ maxQueueLength: 2 });
    expect((await remove(next, 'work')).status).toBe(204);
    expect((await assign(next, 'work', { role: 'stream' })).status).toBe(201);
  });
});

describe('a role with an end', () => {
  it('is none when its time is over, and the name can be used again', async () => {
    const { leader, reader } = await vault();
    const expirationInstant = new Date(Date.now() + 400).toISOString();
    expect((await assign(leader, 'work', { role: 'queue', expirationInstant })).status).toBe(201);
    for (const url of [leader, reader]) {
      await vi.waitUntil(async () => (await fetch(`${url}/work/-/policy`)).status === 404, {
        timeout: 10_000,
      });
      expect((await json<Names>(fetch(`${url}/-/names`))).names).toEqual([]);
    }
    expect((await fetch(`${leader}/work`, { method: 'POST', body: '1' })).status).toBe(201);
    expect(await (await fetch(`${leader}/work/-/policy`)).json()).toMatchObject({ role: 'stream' });
  });
});
