import { describe, expect, it } from 'vitest';
import { parseRaw, problem, publishValues, sendRaw } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

describe('what is not a name', () => {
  it.each([
    ['/orders/../secret', /can't be a segment/],
    ['/..', /can't be a segment/],
    ['/%2e%2e/orders', /can't be a segment/],
    ['/a//b', /empty segment/],
    ['/orders/', /empty segment/],
    ['//orders', /empty segment/],
    ['/orders/-', /expected/],
    ['/orders%2Fb', /escaped separator/],
    ['/orders%2Fb/-/relay/x', /escaped separator/],
    ['/orders%5cb', /escaped separator/],
    ['/orders%00', /escaped separator/],
    ['/orders%', /percent-encoded/],
    ['/.hidden', /can't be a segment/],
    ['/a%20b', /can't be a segment/],
    [`/${'n'.repeat(129)}`, /129 characters/],
    [`/${'n/'.repeat(299)}nn`, /600 characters/],
  ])('%s is refused as it was sent, and nothing is stored', async (path, says) => {
    const { port, node } = await startNode();
    for (const method of ['POST', 'GET']) {
      const text = await sendRaw(
        port,
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1`,
      );
      const { status, body } = parseRaw(text);
      expect(status).toBe(400);
      expect(body).toMatchObject({ code: 'bad_name', detail: expect.stringMatching(says) });
    }
    expect(node.names.size).toBe(0);
  });

  it.each(['/-', '/-/', '/-/x', '/-/names/x', '/%2D/x'])(
    '%s is not published to, and is no resource either',
    async (path) => {
      const { url, node } = await startNode();
      const { detail } = await problem(
        await fetch(url + path, { method: 'POST', body: 'x' }),
        400,
        'bad_name',
      );
      expect(detail).toMatch(/expected/);
      await problem(await fetch(url + path), 404, 'no_such_resource');
      expect(node.names.size).toBe(0);
    },
  );

  it('takes a harmless escape for the character it stands for', async () => {
    const { url, node } = await startNode();
    await publishValues(url, '%6Frders', [1]);
    expect([...node.names.keys()]).toEqual(['orders']);
  });

  it('takes a target in absolute form for its path', async () => {
    const { port, node } = await startNode();
    const text = await sendRaw(
      port,
      'POST http://vault.example/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1',
    );
    expect(parseRaw(text).status).toBe(201);
    expect([...node.names.keys()]).toEqual(['orders']);
  });
});
