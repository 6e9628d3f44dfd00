import { describe, expect, test } from 'vitest';
import { type ClientOptions, createClient, type ReadOptions, TransportError } from '../src/index.ts';
import { undiciTransport } from '../src/undici-transport.ts';
import { setUp, URLS } from './support/virtual-cluster.ts';

const ID = '0b7e9b1e-50a7-4b8e-9c52-0a8a2f3f1c11';

describe('what createClient is given', () => {
  const refused: readonly (readonly [title: string, options: Record<string, unknown>, word: string])[] = [
    ['a URL with a path', { urls: ['http://h:1/base'] }, 'without path'],
    ['a URL with a query', { urls: ['http://h:1?x=1'] }, 'without path'],
    ['a URL with credentials', { urls: ['http://user:secret@h:1'] }, 'credentials'],
    ['a URL in place of a list', { urls: 'http://h:1' }, 'urls'],
    ['a codec nobody knows', { codec: 'gzip' }, 'codec'],
    ['an unknown answer to a full buffer', { whenBufferFull: 'x' }, 'whenBufferFull'],
    ['a word for a number', { lingerMs: 'soon' }, 'lingerMs'],
    ['a producer id that is no UUID', { producer: { id: 'till-3', epoch: 0 } }, 'UUID'],
    ['the nil UUID', { producer: { id: '00000000-0000-0000-0000-000000000000', epoch: 0 } }, 'UUID'],
    ['a negative epoch', { producer: { id: ID, epoch: -1 } }, 'producer'],
    ['a header of two lines', { headers: { authorization: 'a\nb' } }, 'authorization'],
    ['a word for a switch', { followLeader: 'no' }, 'followLeader'],
    ['a notice nobody can be told of', { onRetry: 'log' }, 'onRetry'],
  ];
  test.each(refused)('%s is refused at once', (_title, options, word) => {
    const given: ClientOptions = Object.assign({ urls: URLS }, options);
    expect(() => createClient(given)).toThrow(
      expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(word) }),
    );
  });

  test('the same node written in other ways is one node', () => {
    const urls = ['http://h.test:80', 'http://H.test', 'http://h.test/'];
    expect(() => createClient({ urls })).not.toThrow();
  });
});

describe('what calls are given', () => {
  test.each([-3, 0.5, Number.NaN])('a read of %d messages is refused', (limit) => {
    const { client } = setUp();
    for (const read of ['read', 'readChunks', 'tail', 'readDirect'] as const)
      expect(() => client[read]('x', { limit }), read).toThrow(
        expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining('limit') }),
      );
  });

  test.each(['last:3', 'seq:7', 'nonsense'])(
    'a read from %j, as nodes spell it or nobody, is told what to write',
    (from) => {
      const { client } = setUp();
      const options: Record<string, unknown> = { from };
      const given: ReadOptions = Object.assign({}, options);
      for (const word of ['{ sequenceNumber }', '{ timestamp }', '{ last }'])
        expect(() => client.read('x', given)).toThrow(
          expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(word) }),
        );
    },
  );

  test('half a character is refused, as it is in keys and headers, and nothing else is stored for it', async () => {
    const { runtime, cluster, client } = setUp();
    for (const bad of ['\ud800', { value: 'x\udc00' }])
      await expect(client.publish('x', bad)).rejects.toMatchObject({
        code: 'invalid_argument',
        outcome: 'not_stored',
      });
    await runtime.run(client.publish('x', '🎉'));
    expect(cluster.stream('x').values).toEqual(['🎉']);
  });
});

describe('what only shows later', () => {
  test('messages changed behind the back of the client fail alone, and those after them are published', async () => {
    const { runtime, cluster, client } = setUp();
    const headers: [string, string][] = [['name', 'value']];
    const bad = client.publish('orders', { value: 'a', headers });
    const good = client.publish('orders', 'b');
    headers[0] = ['name', 'x'.repeat(1_000_000)];
    const [first, second] = await runtime.run(Promise.allSettled([bad, good]));
    expect(first).toMatchObject({ reason: { code: 'invalid_argument', outcome: 'not_stored' } });
    expect(second).toMatchObject({ status: 'fulfilled' });
    expect(cluster.stream('orders').values).toEqual(['b']);
  });

  test('a leader that is named by a URL nobody can use is not followed', async () => {
    const { runtime, cluster, client } = setUp();
    for (const url of ['http://a.test:7001/base', 'ftp://a.test', 'nonsense', 'http://u:p@a.test:7001']) {
      cluster.leader = { url: URLS[0] ?? '', nodeId: 'node-1', epoch: (cluster.leader?.epoch ?? 0) + 1 };
      cluster.spreadTheWord();
      cluster.intercept = (node) =>
        cluster.problem(node, {
          status: 503,
          code: 'not_leader',
          leader: { url, epoch: (cluster.leader?.epoch ?? 0) + 100 },
        });
      const published = client.publish('orders', url);
      await runtime.advance(100);
      cluster.intercept = undefined;
      await runtime.run(published);
    }
    expect(cluster.stream('orders').values).toHaveLength(4);
  });

  test('a transport that throws what it should not makes a publish fail, not the process', async () => {
    const { runtime } = setUp();
    const transport = {
      send: () => {
        throw new TypeError('out of order');
      },
      close: () => Promise.resolve(),
    };
    const client = createClient({ urls: URLS, runtime, transport, deliveryTimeoutMs: 1000 });
    const published = client.publish('orders', 'a').catch((reason: unknown) => reason);
    expect(await runtime.run(published)).toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringContaining('out of order'),
    });
  });

  test('a URL the network library has no use for is an unreachable node', async () => {
    const transport = undiciTransport({ maxConnectionsPerNode: 1, pipelining: 1, connectTimeoutMs: 100 });
    for (const lane of [undefined, 0]) {
      const request = {
        method: 'GET',
        path: '/',
        headers: {},
        stallTimeoutMs: 100,
        maxResponseBytes: 1,
      } as const;
      const error = await transport
        .send({ ...request, url: 'http://h:1/base', lane })
        .catch((reason) => reason);
      expect(error).toBeInstanceOf(TransportError);
      expect(error).toMatchObject({ code: 'unreachable', sent: false });
    }
    await transport.close();
  });
});

test('an onRetry that fails stops nothing that is tried again', async () => {
  let told = 0;
  const { runtime, client } = setUp(
    { fault: ({ method }) => (method === 'GET' && told === 0 ? 'refuse' : 'none') },
    {
      onRetry: () => {
        told += 1;
        throw new Error('the log is full');
      },
    },
  );
  await runtime.run(client.publish('orders', 'a'));
  const read = await runtime.run(Array.fromAsync(client.read('orders')));
  expect(read.map((message) => message.text())).toEqual(['a']);
  expect(told).toBe(1);
});
