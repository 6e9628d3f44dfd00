import { describe, expect, it } from 'vitest';
import { problem } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const URI = 'https://example.com/specs/orders?v=2';

async function startWithReference(): Promise<string> {
  const { url, node } = await startNode();
  node.others.set('docs/orders', {
    version: 1,
    name: 'docs/orders',
    role: 'metadata',
    createdAt: 0,
    createdByEpoch: 1,
    policy: { authorization: 'none', discoverability: 'public', transportProtection: 'none', uri: URI },
  });
  return `${url}/docs/orders`;
}

describe('a name that refers to something else', () => {
  it.each(['GET', 'HEAD'])('answers %s with where that is', async (method) => {
    const response = await fetch(await startWithReference(), { method, redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([303, URI]);
    expect(response.headers.get('cache-control')).toBe('no-cache');
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('has no use for %s', async (method) => {
    const response = await fetch(await startWithReference(), { method, body: 'x' });
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    await problem(response, 405, 'method_not_allowed');
  });
});
