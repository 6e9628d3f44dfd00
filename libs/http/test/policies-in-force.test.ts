import { defaultStreamPolicy, type NameDocument, type NameSummary } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { type AccessQuestion, HttpProblem } from '../src/index.ts';
import { problem, publishValues } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const TLS_ONLY = { ...defaultStreamPolicy, transportProtection: 'all-paths' } as const;

describe('transportProtection all-paths', () => {
  it('keeps everything but the policy itself from plain HTTP', async () => {
    const { url, node } = await startNode();
    node.policy = TLS_ONLY;
    await publishValues(url, 'orders', [1]);
    for (const [method, path] of [
      ['GET', '/orders'],
      ['HEAD', '/orders'],
      ['GET', '/orders/-/stats'],
      ['GET', '/orders/-/access'],
    ] as const) {
      const response = await fetch(url + path, { method });
      expect(response.status).toBe(403);
      if (method === 'GET') await problem(response, 403, 'transport_not_protected');
    }
    const post = await fetch(`${url}/orders`, { method: 'POST', body: 'x' });
    await problem(post, 403, 'transport_not_protected');
    expect(await node.stored('orders')).toBe(1);
    expect((await fetch(`${url}/orders/-/policy`)).status).toBe(200);
  });

  it('believes a word of TLS only where a proxy is known to give it', async () => {
    const headers = { 'x-forwarded-proto': 'https' };
    for (const trustForwardedProto of [false, true]) {
      const { url, node } = await startNode({ options: { trustForwardedProto } });
      node.policy = TLS_ONLY;
      await publishValues(url, 'orders', [1]);
      const status = (await fetch(`${url}/orders`, { headers })).status;
      expect({ trustForwardedProto, status }).toEqual({
        trustForwardedProto,
        status: trustForwardedProto ? 200 : 403,
      });
      expect((await fetch(`${url}/orders`, { headers: { 'x-forwarded-proto': 'http' } })).status).toBe(403);
    }
  });
});

describe('authorization', () => {
  it('is decided with the policy of the name at hand', async () => {
    const asked: AccessQuestion[] = [];
    const { url, node } = await startNode({
      options: { authorize: (question) => void asked.push(question) },
    });
    node.policy = { ...defaultStreamPolicy, authorization: 'required-to-send' };
    await publishValues(url, 'orders', [1]);
    await fetch(`${url}/orders`, { method: 'POST', body: '1' });
    await fetch(`${url}/orders`);
    await fetch(`${url}/orders/-/policy`);
    const seen = asked.map(({ action, role, policy }) => [action, role, policy?.authorization]);
    expect(seen).toEqual([
      ['publish', undefined, undefined],
      ['publish', 'stream', 'required-to-send'],
      ['read', 'stream', 'required-to-send'],
      ['read', 'stream', 'required-to-send'],
    ]);
  });
});

describe('discoverability', () => {
  const NAMES = ['managers', 'listeners', 'senders', 'public'] as const;

  function named(discoverability: NameSummary['discoverability']): NameDocument {
    const policy = { authorization: 'required', discoverability, transportProtection: 'none' } as const;
    const common = { version: 1, name: `app/${discoverability}`, createdAt: 0, createdByEpoch: 1 } as const;
    return { ...common, role: 'connection-point', policy };
  }

  it.each([
    ['manage', NAMES],
    ['read', ['listeners', 'senders', 'public']],
    ['publish', ['senders', 'public']],
    ['nothing', ['public']],
  ])('shows who may %s the names that are for him', async (right, shown) => {
    const authorize = ({ action }: AccessQuestion): void => {
      if (action !== 'discover' && action !== right) throw new HttpProblem('forbidden', 'not you');
    };
    const { url, node } = await startNode({ options: { authorize } });
    for (const each of NAMES) node.others.set(`app/${each}`, named(each));
    for (const [path, field] of [
      ['/-/names?prefix=app', 'names'],
      ['/app/-/children', 'children'],
    ] as const) {
      const body = (await (await fetch(url + path)).json()) as Record<string, { name: string }[]>;
      expect(body[field]?.map(({ name }) => name)).toEqual(shown.map((each) => `app/${each}`).sort());
    }
  });
});
