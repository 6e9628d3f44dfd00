import { describe, expect, test } from 'vitest';
import type { ReadFrom, VaultMessage } from '../src/index.ts';
import { A, B, setUp, URLS } from './support/virtual-cluster.ts';

/** `count` messages in batches of five: "0", "1", … */
async function publishNumbers(
  { runtime, client }: ReturnType<typeof setUp>,
  count: number,
  from = 0,
): Promise<void> {
  for (let first = from; first < from + count; first += 5) {
    const batch = Array.from({ length: Math.min(5, from + count - first) }, (_, index) => `${first + index}`);
    await runtime.run(client.publish('numbers', batch));
  }
}

async function collect(messages: AsyncIterable<VaultMessage>): Promise<string[]> {
  const values: string[] = [];
  for await (const message of messages) values.push(message.text());
  return values;
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `${from + index}`);

describe('messages', () => {
  test('come back as they were given: value, kind, key and headers', async () => {
    const { runtime, client } = setUp();
    const bytes = Uint8Array.of(0, 255, 10, 13);
    await runtime.run(
      client.publish('mixed', [
        'plain text',
        bytes,
        { value: { sku: 1, tags: ['a'] }, key: 'k1', headers: { 'content-type': 'application/json' } },
        { value: 'true', kind: 'json' },
        { value: null },
        {
          value: '',
          headers: [
            ['x', '1'],
            ['x', '2'],
          ],
        },
      ]),
    );
    const read = await runtime.run(Array.fromAsync(client.read('mixed')));
    expect(read.map(({ kind }) => kind)).toEqual(['text', 'bytes', 'json', 'json', 'json', 'text']);
    expect(read[0]?.text()).toBe('plain text');
    expect(Buffer.from(read[1]?.value ?? []).equals(bytes)).toBe(true);
    expect(read[2]?.json()).toEqual({ sku: 1, tags: ['a'] });
    expect(read[2]?.key).toBe('k1');
    expect(read[2]?.header('content-type')).toBe('application/json');
    expect(read[3]?.json()).toBe(true);
    expect(read[4]?.json()).toBe(null);
    expect(read[5]?.headers).toEqual([
      ['x', '1'],
      ['x', '2'],
    ]);
    expect(read.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(new Set(read.map(({ id }) => id)).size).toBe(6);
    expect(read[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test('of a value without a JSON form are refused', async () => {
    const { client } = setUp();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    await expect(client.publish('x', JSON.parse('{}'))).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(client.publish('x', { value: Object.assign(circular) })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });
});

describe('a tail of a stream that does not exist yet', () => {
  for (const from of ['latest', 'earliest', { last: 1 }, 0] as const) {
    test(`from ${JSON.stringify(from)} shows it from its beginning, with what made it`, async () => {
      const { runtime, client } = setUp();
      let absent = 0;
      const onAbsent = () => {
        absent += 1;
      };
      const seen = collect(client.tail('later', { from, limit: 3, onAbsent }));
      await runtime.advance(10 * 60_000);
      expect(absent).toBe(1);
      await runtime.run(client.publish('later', ['first', 'second']));
      await runtime.run(client.publish('later', 'third'));
      expect(await runtime.run(seen)).toEqual(['first', 'second', 'third']);
    });
  }

  test('asks about once a second', async () => {
    const { runtime, transport, client } = setUp();
    const stop = new AbortController();
    const seen = collect(client.tail('never', { signal: stop.signal })).catch((reason: unknown) => reason);
    await runtime.advance(60_000);
    expect(transport.sent).toBeGreaterThan(50);
    expect(transport.sent).toBeLessThan(150);
    stop.abort();
    expect(await runtime.run(seen)).toMatchObject({ code: 'aborted' });
  });

  test('gives up when it is told to; a read does not wait at all', async () => {
    const { runtime, client } = setUp();
    const tailed = collect(client.tail('never', { giveUpAfterMs: 5000 })).catch((reason: unknown) => reason);
    expect(await runtime.run(tailed)).toMatchObject({ code: 'not_found' });
    const before = runtime.monotonic();
    expect(before).toBeGreaterThanOrEqual(5000);
    const read = collect(client.read('never')).catch((reason: unknown) => reason);
    expect(await runtime.run(read)).toMatchObject({ code: 'not_found' });
    expect(runtime.monotonic() - before).toBeLessThan(100);
  });
});

describe('reading', () => {
  const starts: readonly (readonly [title: string, from: ReadFrom, first: number])[] = [
    ['the earliest message', 'earliest', 0],
    ['a sequence number in the middle of a batch', { sequenceNumber: 7 }, 7],
    ['the last so many', { last: 3 }, 20],
    ['more than there are', { last: 1000 }, 0],
    ['an offset in the middle of a batch', 2, 2],
    ['the offset behind a batch’s last message', 5, 5],
    ['the tail', 'latest', 23],
  ];
  for (const [title, from, first] of starts) {
    test(`from ${title}`, async () => {
      const setup = setUp();
      await publishNumbers(setup, 23);
      expect(await setup.runtime.run(collect(setup.client.read('numbers', { from })))).toEqual(
        numbers(first, 23),
      );
    });
  }

  test('goes on over many answers of bounded size, two of them held at most', async () => {
    const setup = setUp({}, {});
    await publishNumbers(setup, 200);
    const before = setup.transport.sent;
    const messages = setup.client.readChunks('numbers', { maxBytes: 2048 });
    const values: string[] = [];
    for (;;) {
      const { value: chunk, done } = await setup.runtime.run(messages.next());
      if (done || chunk === undefined) break;
      values.push(...Array.from(chunk.messages, (message) => message.text()));
      await setup.runtime.advance(1000);
      const consumed = Math.ceil(values.length / 20);
      expect(setup.transport.sent - before).toBeLessThanOrEqual(consumed + 1);
    }
    expect(values).toEqual(numbers(0, 200));
  });

  test('ends after `limit` messages', async () => {
    const setup = setUp();
    await publishNumbers(setup, 23);
    expect(await setup.runtime.run(collect(setup.client.read('numbers', { limit: 7 })))).toEqual(
      numbers(0, 7),
    );
    expect(await setup.runtime.run(collect(setup.client.read('numbers', { limit: 0 })))).toEqual([]);
  });

  test('a name that is none, an offset that is nowhere: typed errors', async () => {
    const setup = setUp();
    await publishNumbers(setup, 5);
    const { runtime, client } = setup;
    await expect(runtime.run(collect(client.read('nothing')))).rejects.toMatchObject({
      code: 'not_found',
      status: 404,
    });
    await expect(runtime.run(collect(client.read('numbers', { from: 65536 * 1000 })))).rejects.toMatchObject({
      code: 'offset_out_of_range',
      earliestOffset: 0,
      nextOffset: 65536,
    });
    expect(() => client.read('../numbers')).toThrow(/segment/);
    expect(() => client.read('numbers', { from: -1 })).toThrow(/offset/);
  });

  test('nodes that fail, one after the other, are passed over; nothing is missed or repeated', async () => {
    let turn = 0;
    const faults = ['refuse', 'lose-answer', 'none', 'lose-request', 'none'] as const;
    const setup = setUp(
      { fault: ({ method }) => (method === 'GET' ? (faults[turn++ % faults.length] ?? 'none') : 'none') },
      { attemptTimeoutMs: 500 },
    );
    await publishNumbers(setup, 100);
    expect(await setup.runtime.run(collect(setup.client.read('numbers', { maxBytes: 1024 })))).toEqual(
      numbers(0, 100),
    );
    expect(turn).toBeGreaterThan(20);
  });

  test('damaged bytes are asked for again elsewhere', async () => {
    const setup = setUp();
    await publishNumbers(setup, 10);
    const answers: string[] = [];
    const handle = setup.cluster.handle.bind(setup.cluster);
    setup.cluster.handle = async (url, request) => {
      const response = await handle(url, request);
      answers.push(url);
      if (answers.length > 2) return response;
      const body = Uint8Array.from(response.body);
      body[200] = (body[200] ?? 0) ^ 1;
      return { ...response, body };
    };
    expect(await setup.runtime.run(collect(setup.client.read('numbers')))).toEqual(numbers(0, 10));
    expect(new Set(answers).size).toBeGreaterThan(1);
  });

  test('when no node answers, the reader is told so after the time it gave', async () => {
    const setup = setUp(
      { fault: ({ method }) => (method === 'GET' ? 'refuse' : 'none') },
      { giveUpAfterMs: 3000 },
    );
    await publishNumbers(setup, 5);
    const startedAt = setup.runtime.monotonic();
    await expect(setup.runtime.run(collect(setup.client.read('numbers')))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(setup.runtime.monotonic() - startedAt).toBeLessThan(3500);
  });
});

describe('tailing', () => {
  test('gets what is published from now on, at once', async () => {
    const setup = setUp();
    await publishNumbers(setup, 10);
    const tail = setup.client.tail('numbers');
    const first = tail.next();
    await setup.runtime.advance(100);
    const startedAt = setup.runtime.monotonic();
    await setup.runtime.run(setup.client.publish('numbers', 'fresh'));
    expect((await setup.runtime.run(first)).value?.text()).toBe('fresh');
    expect(setup.runtime.monotonic() - startedAt).toBeLessThan(10);
    await setup.runtime.run(tail.return());
  });

  test('a publish between asking for the tail and the first answer is not missed', async () => {
    let slow = true;
    const setup = setUp({ latencyMs: () => (slow ? 200 : 1) });
    await publishNumbers(setup, 5);
    const tail = setup.client.tail('numbers');
    const first = tail.next();
    // The tail's place is known to the client now; its first request for messages is still on the way.
    await setup.runtime.advance(450);
    slow = false;
    await setup.runtime.run(setup.client.publish('numbers', 'in between'));
    expect((await setup.runtime.run(first)).value?.text()).toBe('in between');
    await setup.runtime.run(tail.return());
  });

  test('goes on through the death of every node it was reading from, with no gap and no repeat', async () => {
    const setup = setUp({}, { attemptTimeoutMs: 1000 });
    const { runtime, cluster, client } = setup;
    await publishNumbers(setup, 5);
    const values: string[] = [];
    const tailing = (async () => {
      for await (const message of client.tail('numbers', { from: 'earliest', waitSeconds: 2 })) {
        values.push(message.text());
        if (values.length === 65) return;
      }
    })();
    for (let round = 0; round < 12; round += 1) {
      const victim = cluster.nodes[round % 3];
      if (victim === undefined) throw new Error('three nodes');
      const fault = round % 2 === 0 ? 'up' : 'frozen';
      victim[fault] = !victim[fault];
      if (cluster.leader?.url === victim.url) cluster.elect(URLS.find((url) => url !== victim.url) ?? B);
      await publishNumbers(setup, 5, 5 + round * 5);
      await runtime.advance(700);
      victim.up = true;
      victim.frozen = false;
      cluster.spreadTheWord();
    }
    await runtime.run(tailing);
    expect(values).toEqual(numbers(0, 65));
  });

  test('leaves a node that has frozen within seconds, however long it was asked to wait for news', async () => {
    const setup = setUp();
    await publishNumbers(setup, 1);
    const reading: string[] = [];
    const send = setup.transport.send.bind(setup.transport);
    setup.transport.send = (request) => {
      if (request.path.includes('wait=')) reading.push(request.url);
      return send(request);
    };
    const tail = setup.client.tail('numbers', { waitSeconds: 60 });
    const next = tail.next();
    await setup.runtime.advance(5000);
    const frozen = setup.cluster.node(reading.at(-1) ?? '');
    frozen.frozen = true;
    if (frozen.url === A) setup.cluster.elect(B);
    await setup.runtime.run(setup.client.publish('numbers', 'fresh'));
    const startedAt = setup.runtime.monotonic();
    expect((await setup.runtime.run(next)).value?.text()).toBe('fresh');
    expect(setup.runtime.monotonic() - startedAt).toBeLessThan(3500);
    await setup.runtime.run(tail.return());
  });

  test('a quiet stream on living nodes is waited on without being asked for again and again', async () => {
    const setup = setUp();
    await publishNumbers(setup, 1);
    const tail = setup.client.tail('numbers', { waitSeconds: 60 });
    const next = tail.next();
    await setup.runtime.advance(1000);
    const before = setup.transport.sent;
    await setup.runtime.advance(50_000);
    // Signs of life only, one every two seconds.
    expect(setup.transport.sent - before).toBeLessThanOrEqual(25);
    await setup.runtime.run(setup.client.publish('numbers', 'fresh'));
    expect((await setup.runtime.run(next)).value?.text()).toBe('fresh');
    await setup.runtime.run(tail.return());
  });

  test('nodes that let go of a waiting reader at once are not asked as fast as they answer', async () => {
    const setup = setUp();
    await publishNumbers(setup, 1);
    const handle = setup.cluster.handle.bind(setup.cluster);
    setup.cluster.handle = (url, request) =>
      handle(url, { ...request, path: request.path.replace(/&wait=\d+/, '') });
    const tail = setup.client.tail('numbers');
    const next = tail.next();
    await setup.runtime.advance(1000);
    const before = setup.transport.sent;
    await setup.runtime.advance(10_000);
    expect(setup.transport.sent - before).toBeLessThan(10_000 / 50 + 10);
    await setup.runtime.run(setup.client.publish('numbers', 'fresh'));
    expect((await setup.runtime.run(next)).value?.text()).toBe('fresh');
    await setup.runtime.run(tail.return());
  });

  test('a node that lags behind and has not heard of our offset is passed over', async () => {
    const setup = setUp();
    await publishNumbers(setup, 10);
    let lagging = 2;
    const handle = setup.cluster.handle.bind(setup.cluster);
    setup.cluster.handle = async (url, request) =>
      request.path.includes('wait=') && lagging-- > 0
        ? setup.cluster.problem(url, {
            status: 416,
            code: 'offset_out_of_range',
            earliestOffset: 0,
            nextOffset: 0,
          })
        : handle(url, request);
    const tail = setup.client.tail('numbers');
    const next = tail.next();
    await setup.runtime.advance(1000);
    await setup.runtime.run(setup.client.publish('numbers', 'fresh'));
    expect((await setup.runtime.run(next)).value?.text()).toBe('fresh');
    expect(lagging).toBeLessThanOrEqual(0);
    await setup.runtime.run(tail.return());
  });

  test('ends with the signal, even while it waits', async () => {
    const setup = setUp();
    await publishNumbers(setup, 1);
    const controller = new AbortController();
    const tail = setup.client.tail('numbers', { signal: controller.signal });
    const next = tail.next();
    await setup.runtime.advance(5000);
    controller.abort(new Error('enough'));
    await expect(next).rejects.toMatchObject({ code: 'aborted', cause: controller.signal.reason });
  });

  test('ends when the client is closed', async () => {
    const setup = setUp();
    await publishNumbers(setup, 1);
    const next = setup.client.tail('numbers').next();
    await setup.runtime.advance(500);
    await setup.client.close();
    await expect(next).rejects.toMatchObject({ code: 'closed' });
  });

  test('leaving the loop takes the request on its way back', async () => {
    const setup = setUp();
    await publishNumbers(setup, 10);
    const aborted: string[] = [];
    const send = setup.transport.send.bind(setup.transport);
    setup.transport.send = (request) => {
      request.signal?.addEventListener('abort', () => aborted.push(request.path));
      return send(request);
    };
    await setup.runtime.run(collect(setup.client.tail('numbers', { from: 'earliest', limit: 3 })));
    expect(aborted.some((path) => path.includes('wait='))).toBe(true);
  });
});
