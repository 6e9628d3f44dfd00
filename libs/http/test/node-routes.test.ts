import { describe, expect, it } from 'vitest';
import { type AccessQuestion, HttpProblem } from '../src/index.ts';
import { json, problem, publishValues } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const getPage = async (url: string) => json<{ names?: unknown[]; cursor: string }>(await fetch(url));

const get = async (url: string): Promise<unknown> => json(await fetch(url));

describe('the root', () => {
  it('tells a program in JSON and a person in a page of its own what this is', async () => {
    const { url } = await startNode();
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await json(response)).toMatchObject({
      version: '0.0.0',
      nodeId: 'leader-1',
      role: 'leading',
      epoch: 7,
      leader: { url },
      links: { cluster: '/-/cluster', names: '/-/names' },
    });
    const browser = await fetch(url, {
      headers: { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' },
    });
    expect(browser.headers.get('content-type')).toMatch(/^text\/html/);
    const page = await browser.text();
    expect(page).toContain('leader-1');
    expect(page).not.toMatch(/(src|href)="?https?:/);
  });

  it('escapes what a node calls itself', async () => {
    const { url, node } = await startNode();
    node.status.role = '<script>';
    expect(await (await fetch(url, { headers: { accept: 'text/html' } })).text()).not.toContain('<script>');
  });
});

describe('health', () => {
  it('is alive while the process can be trusted', async () => {
    const { url, node } = await startNode();
    expect((await fetch(`${url}/-/health/live`)).status).toBe(200);
    node.alive = false;
    await problem(await fetch(`${url}/-/health/live`), 503, 'not_ready');
  });

  it('is ready with role and epoch, or not with the reason as well', async () => {
    const { url, node } = await startNode();
    const { instanceId, leader } = node.status;
    expect(await get(`${url}/-/health/ready`)).toEqual({
      ready: true,
      nodeId: 'leader-1',
      instanceId,
      role: 'leading',
      epoch: 7,
      since: leader?.since,
    });
    node.readiness = { ready: false, reason: 'the lease was lost' };
    const response = await fetch(`${url}/-/health/ready`);
    const expected = {
      ready: false,
      role: 'leading',
      epoch: 7,
      instanceId,
      reason: 'the lease was lost',
      detail: 'the lease was lost',
    };
    expect(await problem(response, 503, 'not_ready')).toMatchObject(expected);
  });

  it('answers HEAD without a body', async () => {
    const { url } = await startNode();
    const response = await fetch(`${url}/-/health/ready`, { method: 'HEAD' });
    expect({ status: response.status, body: await response.text() }).toEqual({ status: 200, body: '' });
  });
});

describe('the cluster', () => {
  it('is described as the node sees it', async () => {
    const { url, node } = await startNode();
    expect(await get(`${url}/-/cluster`)).toEqual({
      leader: node.status.leader,
      self: { nodeId: 'leader-1', role: 'leading' },
    });
  });

  it('changes its leader on demand, or says why not', async () => {
    const { url, node } = await startNode();
    const refused = await fetch(`${url}/-/cluster/handover`, { method: 'POST' });
    expect(await problem(refused, 409, 'not_possible')).toMatchObject({ detail: 'there is no standby' });
    const leader = { nodeId: 'other', url: 'http://127.0.0.1:1', epoch: 8, since: 1 };
    const document = { version: 1, ...leader };
    node.handoverResult = { done: true, leader: document };
    const done = await fetch(`${url}/-/cluster/handover`, { method: 'POST' });
    expect({ status: done.status, body: await json(done) }).toEqual({ status: 200, body: { leader } });
  });

  it('hands the node the hints of others, and refuses nonsense', async () => {
    const { url, node } = await startNode();
    const hint = (body: string) => fetch(`${url}/-/cluster/hint`, { method: 'POST', body });
    expect((await hint('{"epoch":8}')).status).toBe(200);
    expect(node.hints).toEqual([{ epoch: 8 }]);
    node.hintsAreUseful = false;
    expect((await hint('{}')).status).toBe(409);
    await problem(await hint('{'), 400, 'bad_body');
  });

  it('asks the node whether it reaches the leader', async () => {
    const { url } = await startNode();
    expect(await get(`${url}/-/cluster/witness?url=${encodeURIComponent(url)}`)).toEqual({ reachable: true });
    await problem(await fetch(`${url}/-/cluster/witness`), 400, 'bad_parameter');
  });
});

describe('names', () => {
  it('are listed with their roles, a page at a time', async () => {
    const { url } = await startNode();
    for (const name of ['a', 'b/1', 'b/2', 'c']) await publishValues(url, name, [1]);
    const stream = (name: string) => ({ name, role: 'stream' });
    expect(await get(`${url}/-/names`)).toEqual({
      names: ['a', 'b/1', 'b/2', 'c'].map(stream),
      cursor: null,
    });
    expect(await get(`${url}/-/names?prefix=b/`)).toEqual({
      names: ['b/1', 'b/2'].map(stream),
      cursor: null,
    });
    const first = await getPage(`${url}/-/names?limit=3`);
    expect(first.names).toEqual(['a', 'b/1', 'b/2'].map(stream));
    const rest = await get(`${url}/-/names?limit=3&cursor=${first.cursor}`);
    expect(rest).toEqual({ names: [stream('c')], cursor: null });
  });

  it('are listed on only from a cursor this very listing has given, which says nothing of the storage', async () => {
    const { url } = await startNode();
    for (const name of ['a', 'a/1', 'a/2', 'b']) await publishValues(url, name, [1]);
    const names = await getPage(`${url}/-/names?limit=1`);
    const children = await getPage(`${url}/a/-/children?limit=1`);
    expect(await get(`${url}/a/-/children?cursor=${children.cursor}`)).toMatchObject({
      children: [{ name: 'a/2' }],
    });
    for (const { cursor } of [names, children]) expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    const wrong = ['%00', '%01', 'garbage', 'a', 'names%2Fa!', `${names.cursor}A`, `x${names.cursor}`];
    for (const cursor of [...wrong, children.cursor]) {
      await problem(await fetch(`${url}/-/names?cursor=${cursor}`), 400, 'bad_parameter');
    }
    for (const cursor of [...wrong, names.cursor]) {
      await problem(await fetch(`${url}/a/-/children?cursor=${cursor}`), 400, 'bad_parameter');
    }
    await problem(await fetch(`${url}/-/names?prefix=a&cursor=${names.cursor}`), 400, 'bad_parameter');
  });

  it('are not listed for a prefix no name has, nor for a limit that is none', async () => {
    const { url } = await startNode();
    await problem(await fetch(`${url}/-/names?prefix=//`), 400, 'bad_name');
    await problem(await fetch(`${url}/-/names?limit=-1`), 400, 'bad_parameter');
  });

  it('below another are its children', async () => {
    const { url } = await startNode();
    for (const name of ['shop', 'shop/orders', 'shop/orders/eu', 'shopping'])
      await publishValues(url, name, [1]);
    expect(await get(`${url}/shop/-/children`)).toEqual({
      name: 'shop',
      children: [{ name: 'shop/orders', role: 'stream' }],
      cursor: null,
    });
    expect(await get(`${url}/nothing/-/children`)).toMatchObject({ children: [] });
  });
});

describe('what belongs to a stream', () => {
  it('is its stats, as JSON and as headers', async () => {
    const { url } = await startNode();
    const { timestamp, nextOffset } = await publishValues(url, 'orders', [1, 2]);
    expect(await get(`${url}/orders/-/stats`)).toEqual({
      stream: 'orders',
      role: 'stream',
      earliestOffset: 0,
      nextOffset,
      earliestSequenceNumber: 0,
      nextSequenceNumber: 2,
      bytes: 512,
      firstTimestamp: timestamp,
      lastTimestamp: timestamp,
    });
    const { headers, status } = await fetch(`${url}/orders`, { method: 'HEAD' });
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'earliest-offset': '0',
      'next-offset': String(nextOffset),
      'earliest-sequence-number': '0',
      'next-sequence-number': '2',
      'stream-bytes': '512',
      'first-timestamp': String(timestamp),
      'last-timestamp': String(timestamp),
    });
  });

  it('is access to its segments, which no cache may keep', async () => {
    const { url, node } = await startNode();
    await publishValues(url, 'orders', [1]);
    const response = await fetch(`${url}/orders/-/access`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { streamId, container } = node.names.get('orders') ?? {};
    expect(await json(response)).toEqual({
      stream: 'orders',
      streamId,
      container,
      url: expect.stringContaining('sig='),
      expires: 1_800_000_000_000,
      segments: ['0000000000000000'],
    });
  });

  it('is its policy, with durations in ISO 8601 and an ETag', async () => {
    const { url, node } = await startNode();
    node.policy = { ...node.policy, retentionAgeMs: 3_600_000 };
    await publishValues(url, 'orders', [1]);
    const response = await fetch(`${url}/orders/-/policy`);
    expect(await json(response)).toMatchObject({
      role: 'stream',
      retentionAge: 'PT3600S',
      segmentBytes: 2 ** 30,
    });
    const etag = response.headers.get('etag') ?? '';
    expect((await fetch(`${url}/orders/-/policy`, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const patch = await fetch(`${url}/orders/-/policy`, { method: 'PATCH', body: '{}' });
    expect(patch.headers.get('allow')).toBe('DELETE, GET, HEAD, OPTIONS, PUT');
    await problem(patch, 405, 'method_not_allowed');
  });

  it('is nothing of a queue or a router, nor anything unheard of', async () => {
    const { url } = await startNode();
    await publishValues(url, 'orders', [1]);
    for (const path of ['head', 'locks/1', 'subscriptions']) {
      await problem(await fetch(`${url}/orders/-/${path}`, { method: 'POST' }), 409, 'wrong_role');
      await problem(await fetch(`${url}/other/-/${path}`, { method: 'POST' }), 404, 'no_such_name');
    }
    for (const path of ['head', 'locks/1', 'subscriptions', 'subscriptions/1']) {
      const options = await fetch(`${url}/orders/-/${path}`, { method: 'OPTIONS' });
      expect({ status: options.status, allow: options.headers.get('allow') }).toEqual({
        status: 204,
        allow: 'OPTIONS',
      });
    }
    await problem(await fetch(`${url}/orders/-/nonsense`), 404, 'no_such_resource');
    await problem(await fetch(`${url}/-/nonsense`), 404, 'no_such_resource');
    await problem(await fetch(`${url}/-/`), 404, 'no_such_resource');
  });
});

describe('metrics', () => {
  it('are those of the node, as text', async () => {
    const { url } = await startNode();
    const response = await fetch(`${url}/-/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await response.text()).toBe('mvault_test 1\n');
  });
});

describe('authorization', () => {
  it('is asked before every request but health checks, with what is wanted, and its word is final', async () => {
    const asked: Pick<AccessQuestion, 'action' | 'name'>[] = [];
    const authorize = ({ action, name, headers }: AccessQuestion): void => {
      asked.push({ action, name });
      if (headers.authorization !== 'Bearer good') throw new HttpProblem('unauthorized', 'expected a token');
    };
    const { url, node } = await startNode({ options: { authorize } });
    await problem(await fetch(`${url}/orders`, { method: 'POST', body: 'x' }), 401, 'unauthorized');
    for (const path of ['/orders', '/orders/-/stats', '/-/names', '/-/metrics', '/-/cluster', '/']) {
      await problem(await fetch(url + path), 401, 'unauthorized');
    }
    await problem(await fetch(`${url}/-/cluster/handover`, { method: 'POST' }), 401, 'unauthorized');
    expect(asked).toEqual([
      { action: 'publish', name: 'orders' },
      { action: 'read', name: 'orders' },
      { action: 'read', name: 'orders' },
      { action: 'discover', name: undefined },
      { action: 'observe', name: undefined },
      { action: 'observe', name: undefined },
      { action: 'observe', name: undefined },
      { action: 'manage', name: undefined },
    ]);
    expect((await fetch(`${url}/-/health/ready`)).status).toBe(200);
    expect(node.names.size).toBe(0);
    const good = await fetch(`${url}/orders`, {
      method: 'POST',
      body: 'x',
      headers: { authorization: 'Bearer good' },
    });
    expect(good.status).toBe(201);
  });
});

describe('a cache in front of the node', () => {
  it.each([
    ['/missing', 'application/json', 404],
    ['/orders?from=65536000', 'application/json', 416],
    ['/orders/-/nothing', 'application/json', 404],
    ['/orders/-/children', 'application/json', 200],
    ['/orders/-/children', 'application/atom+xml', 200],
    ['/orders/-/stats', 'application/json', 200],
  ])(
    'keeps nothing of %s as %s (%i), which may be another answer the next moment',
    async (path, accept, status) => {
      const { url } = await startNode();
      await publishValues(url, 'orders', [1]);
      const response = await fetch(`${url}${path}`, { headers: { accept } });
      expect(response.status).toBe(status);
      expect(response.headers.get('cache-control')).toBe('no-store');
    },
  );
});
