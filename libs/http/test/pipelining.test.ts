import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { publishValues, read, sendRaw } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const post = (body: string): string =>
  `POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const get = (query: string, headers = ''): string =>
  `GET /orders${query} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

describe('requests that a client sends without waiting for answers', () => {
  it('are stored in the order they were sent in, and seen by the read behind them', async () => {
    const { port, url } = await startNode();
    const values = Array.from({ length: 20 }, (_, index) => index);
    const posts = values.map((value) => post(String(value))).join('');
    const answers = await sendRaw(port, posts + get('', 'Connection: close\r\n'));
    expect(answers.match(/HTTP\/1\.1 201/g)).toHaveLength(20);
    expect([...answers.matchAll(/"firstSequenceNumber":(\d+)/g)].map(([, number]) => Number(number))).toEqual(
      values,
    );
    expect(answers).toContain('"sequenceNumber":19');
    expect((await read(url, '/orders')).messages.map(({ value }) => value)).toEqual(values);
  });

  it('are not taken without end: behind an answer that lasts, the connection is closed', async () => {
    const { port, url } = await startNode();
    await publishValues(url, 'orders', [1]);
    const closed = Promise.withResolvers<void>();
    const socket = connect(port, '127.0.0.1').resume();
    socket.once('close', () => closed.resolve()).on('error', () => {});
    socket.write(get('', 'Accept: text/event-stream\r\n'));
    for (let sent = 0; sent < 101; sent += 1) socket.write(post('2'));
    await closed.promise;
    expect((await read(url, '/orders')).messages.map(({ value }) => value)).toEqual([1]);
  });

  it('are stored together where they have a producer’s numbers, and not one after the other', async () => {
    const { port, node } = await startNode();
    const both = Promise.withResolvers<void>();
    let begun = 0;
    node.beforePublish = () => {
      begun += 1;
      if (begun === 2) both.resolve();
      return both.promise;
    };
    const numbered = (sequence: number, more = ''): string =>
      post(String(sequence)).replace(
        'Host: x',
        `Host: x\r\nProducer-Id: p\r\nProducer-Epoch: 0\r\nProducer-Seq: ${sequence}${more}`,
      );
    const answers = await sendRaw(port, numbered(0) + numbered(1, '\r\nConnection: close'));
    expect(answers.match(/HTTP\/1\.1 201/g)).toHaveLength(2);
  });

  it('are not begun behind an answer that says the connection ends with it', async () => {
    const { port, node, app } = await startNode();
    const entered = Promise.withResolvers<void>();
    const blocked = Promise.withResolvers<void>();
    let begun = 0;
    node.beforePublish = () => {
      begun += 1;
      entered.resolve();
      return blocked.promise;
    };
    const answers = sendRaw(port, post('1') + post('2') + post('3'));
    await entered.promise;
    // Whoever is answered from here on is told that the connection is closed.
    const closed = app.close(10_000);
    blocked.resolve();
    expect((await answers).match(/HTTP\/1\.1 201|Connection: close/g)).toEqual([
      'HTTP/1.1 201',
      'HTTP/1.1 201',
      'Connection: close',
    ]);
    await closed;
    expect(begun).toBe(2);
  });

  it('are not begun once the client is gone', async () => {
    const { port, url, app } = await startNode();
    await publishValues(url, 'orders', [1]);
    const closed = new Promise<void>((resolve) => {
      app.server.once('connection', (connection) => connection.once('close', () => resolve()));
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(`${get('', 'Accept: text/event-stream\r\n')}${post('2')}`);
    await new Promise<void>((resolve) => socket.once('data', () => resolve()));
    socket.destroy();
    await closed;
    await publishValues(url, 'orders', [3]);
    expect((await read(url, '/orders')).messages.map(({ value }) => value)).toEqual([1, 3]);
  });
});
