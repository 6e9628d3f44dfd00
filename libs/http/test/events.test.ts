import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openEvents, type SeenEvent } from './support/events.ts';
import { problem, publishValues, read, until } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const values = (events: readonly SeenEvent[]): unknown[] => events.map(({ message }) => message.value);

describe('an event stream', () => {
  it('gives what there is, then what comes, each message as in JSON', async () => {
    const { url } = await startNode();
    await publishValues(url, 'orders', [1, 2]);
    const events = await openEvents(`${url}/orders`);
    expect(values(await events.take(2))).toEqual([1, 2]);
    await publishValues(url, 'orders', [3]);
    await publishValues(url, 'orders', [4, 5]);
    const news = await events.take(3);
    expect(values(news)).toEqual([3, 4, 5]);
    expect(news.map(({ message }) => message)).toEqual((await read(url, '/orders?from=last:3')).messages);
  });

  it('has with every event the offset to go on from after it', async () => {
    const { url } = await startNode();
    await publishValues(url, 'orders', [0, 1, 2]);
    await publishValues(url, 'orders', [3, 4]);
    const events = await openEvents(`${url}/orders`);
    const all = await events.take(5);
    for (const [index, { id }] of all.entries()) {
      const rest = await read(url, `/orders?from=${id}`);
      expect(rest.messages.map(({ value }) => value).slice(0, 4 - index)).toEqual([1, 2, 3, 4].slice(index));
      const resumed = await openEvents(`${url}/orders?from=earliest`, { 'last-event-id': id });
      await publishValues(url, 'orders', ['end']);
      const [next] = await resumed.take(1);
      expect(next?.message.sequenceNumber).toBe(index + 1);
      resumed.close();
    }
  });

  it('starts wherever it is told to and ends after so many messages', async () => {
    const { url } = await startNode();
    await publishValues(url, 'orders', [0, 1, 2]);
    const some = await openEvents(`${url}/orders?from=seq:1&limit=1`);
    expect(values(await some.take(1))).toEqual([1]);
    await some.ended;
    const tail = await openEvents(`${url}/orders?from=latest&limit=3`);
    await publishValues(url, 'orders', [3, 4]);
    await publishValues(url, 'orders', [5, 6]);
    expect(values(await tail.take(3))).toEqual([3, 4, 5]);
    await tail.ended;
  });

  it('is refused like a read where there is nothing to stream', async () => {
    const { url } = await startNode();
    const accept = { accept: 'text/event-stream' };
    await problem(await fetch(`${url}/orders`, { headers: accept }), 404, 'no_such_name');
    await publishValues(url, 'orders', [1]);
    await problem(await fetch(`${url}/orders?from=x`, { headers: accept }), 400, 'bad_parameter');
    await problem(await fetch(`${url}/orders?limit=-1`, { headers: accept }), 400, 'bad_parameter');
    await problem(
      await fetch(`${url}/orders?from=999999999`, { headers: accept }),
      416,
      'offset_out_of_range',
    );
    await problem(
      await fetch(`${url}/orders`, { headers: { ...accept, 'last-event-id': 'x' } }),
      400,
      'bad_parameter',
    );
  });

  it('says something now and then when there is nothing to say', async () => {
    const { url } = await startNode({ sse: { heartbeatMs: 10 } });
    await publishValues(url, 'orders', [1]);
    const events = await openEvents(`${url}/orders?from=latest`);
    await until(() => events.asides.filter((line) => line === ':').length >= 2);
    expect(events.asides).toContain('retry: 1000');
  });

  it('is not begun when the node serves as many as it may', async () => {
    const { url } = await startNode({ sse: { maxConsumers: 1 } });
    await publishValues(url, 'orders', [1]);
    const first = await openEvents(`${url}/orders`);
    const second = await fetch(`${url}/orders`, { headers: { accept: 'text/event-stream' } });
    expect(second.headers.get('retry-after')).toBe('5');
    await problem(second, 503, 'busy');
    first.close();
  });

  it('lets go of its reader when its client goes', async () => {
    const { url, node } = await startNode();
    await publishValues(url, 'orders', [1]);
    const one = await openEvents(`${url}/orders?from=latest`);
    const two = await openEvents(`${url}/orders?from=latest`);
    await publishValues(url, 'orders', [2]);
    await Promise.all([one.take(1), two.take(1)]);
    one.close();
    await publishValues(url, 'orders', [3]);
    expect(values(await two.take(1))).toEqual([3]);
    two.close();
    await until(() => node.leases === 0);
  });
});

describe('many event streams', () => {
  it('get every message once and in order, from wherever they start, while messages are published', async () => {
    const { url } = await startNode();
    await publishValues(url, 'orders', [0]);
    const count = 60;
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, place) => openEvents(`${url}/orders?from=seq:${place % 2}`)),
    );
    const publishing = (async () => {
      for (let index = 1; index < count; index += 1) await publishValues(url, 'orders', [index]);
    })();
    const late = await openEvents(`${url}/orders`);
    const expected = Array.from({ length: count }, (_, index) => index);
    for (const [place, client] of clients.entries()) {
      expect(values(await client.take(count - (place % 2)))).toEqual(expected.slice(place % 2));
    }
    expect(values(await late.take(count))).toEqual(expected);
    await publishing;
  });

  it('cost the storage no more reads than a few do', async () => {
    const { url, node } = await startNode();
    await publishValues(url, 'orders', [0]);
    const readsWith = async (clients: number): Promise<number> => {
      const streams = await Promise.all(
        Array.from({ length: clients }, () => openEvents(`${url}/orders?from=latest`)),
      );
      await publishValues(url, 'orders', ['warm']);
      await Promise.all(streams.map((stream) => stream.take(1)));
      const before = node.storageReads;
      for (let index = 0; index < 10; index += 1) {
        await publishValues(url, 'orders', [index]);
        await Promise.all(streams.map((stream) => stream.take(1)));
      }
      const reads = node.storageReads - before;
      for (const stream of streams) stream.close();
      await until(() => node.leases === 0);
      return reads;
    };
    const few = await readsWith(2);
    const many = await readsWith(50);
    expect(many).toBeLessThanOrEqual(few + 10);
  });
});

/** A client that asks for events and reads nothing until told to. */
function stopReading(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET /orders?from=latest HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n');
  return socket;
}

describe('a client that stops reading', () => {
  const text = 'z'.repeat(200_000);
  const MESSAGES = 60;

  it('holds up nobody else, and gets all it missed when it reads on', async () => {
    const { url, port, node } = await startNode({ sse: { maxBufferedBytes: 64 * 1024 } });
    await publishValues(url, 'orders', [0]);
    const slow = stopReading(port);
    const quick = await openEvents(`${url}/orders?from=latest`);
    await until(() => node.leases >= 2);
    for (let index = 0; index < MESSAGES; index += 1) {
      await publishValues(url, 'orders', [{ index, text }]);
      const [event] = await quick.take(1);
      expect(event?.message.value).toMatchObject({ index });
    }
    let received = '';
    slow.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    slow.resume();
    await until(() => received.includes(`"index":${MESSAGES - 1},`));
    const indexes = [...received.matchAll(/"index":(\d+),/g)].map(([, index]) => Number(index));
    expect(indexes).toEqual(Array.from({ length: MESSAGES }, (_, index) => index));
    slow.destroy();
  });

  it('holds a bounded piece of memory, however much is published', async () => {
    const { app, url, port, node } = await startNode({ sse: { maxBufferedBytes: 64 * 1024 } });
    await publishValues(url, 'orders', [0]);
    const buffered: (() => number)[] = [];
    app.server.on('request', (_req, res) => buffered.push(() => res.writableLength));
    const slow = stopReading(port);
    await until(() => node.leases >= 1);
    const [ofSlow] = buffered;
    let most = 0;
    for (let index = 0; index < MESSAGES; index += 1) {
      await publishValues(url, 'orders', [{ index, text }]);
      most = Math.max(most, ofSlow?.() ?? 0);
    }
    // What is allowed to wait, and the one message with which that was exceeded.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(64 * 1024 + text.length + 100_000);
    slow.destroy();
  });

  it('is sent away after a while', async () => {
    const { url, port, node } = await startNode({
      sse: { maxBufferedBytes: 64 * 1024, heartbeatMs: 10 },
      http: { stalledConsumerMs: 50 },
    });
    await publishValues(url, 'orders', [0]);
    const slow = stopReading(port);
    await until(() => node.leases >= 1);
    for (let index = 0; index < MESSAGES; index += 1) await publishValues(url, 'orders', [{ index, text }]);
    await until(() => node.leases === 0);
    slow.destroy();
  });
});

describe('an event stream whose storage does not answer', () => {
  it('goes on when it does again', async () => {
    const { url, node } = await startNode();
    await publishValues(url, 'orders', [1]);
    const events = await openEvents(`${url}/orders?from=latest`);
    node.failReads = 5;
    await publishValues(url, 'orders', [2]);
    expect(values(await events.take(1))).toEqual([2]);
    const late = await openEvents(`${url}/orders`);
    expect(values(await late.take(2))).toEqual([1, 2]);
  });
});
