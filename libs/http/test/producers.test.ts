import { encodeBatch } from '@message-vault/framing';
import { describe, expect, it } from 'vitest';
import { BATCH, json, type Published, problem, publishValues, read } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

function publishAs(
  url: string,
  producer: { id: string; epoch: number; seq: number },
  body: string,
): Promise<Response> {
  const headers = {
    'content-type': 'text/plain',
    'producer-id': producer.id,
    'producer-epoch': String(producer.epoch),
    'producer-seq': String(producer.seq),
  };
  return fetch(`${url}/orders`, { method: 'POST', headers, body });
}

describe('an idempotent producer', () => {
  it('gets 200 and the first answer for a repeat, which is not stored again', async () => {
    const { url, node } = await startNode();
    const first = await publishAs(url, { id: 'shop-1', epoch: 0, seq: 0 }, 'a');
    expect(first.status).toBe(201);
    const again = await publishAs(url, { id: 'shop-1', epoch: 0, seq: 0 }, 'a');
    expect(again.status).toBe(200);
    expect(await json<Published>(again)).toEqual(await json<Published>(first));
    expect(await node.stored('orders')).toBe(1);
  });

  it('gets 409 with the sequence that must come next when one is missing', async () => {
    const { url, node } = await startNode();
    await publishAs(url, { id: 'shop-1', epoch: 0, seq: 0 }, 'a');
    const gap = await publishAs(url, { id: 'shop-1', epoch: 0, seq: 2 }, 'c');
    expect(await problem(gap, 409, 'producer_gap')).toMatchObject({ expectedProducerSequence: 1 });
    expect(await node.stored('orders')).toBe(1);
  });

  it('gets 403 with the newer epoch when another has taken its place', async () => {
    const { url, node } = await startNode();
    await publishAs(url, { id: 'shop-1', epoch: 5, seq: 0 }, 'a');
    const fenced = await publishAs(url, { id: 'shop-1', epoch: 4, seq: 0 }, 'b');
    expect(await problem(fenced, 403, 'producer_fenced')).toMatchObject({ producerEpoch: 5 });
    expect(await node.stored('orders')).toBe(1);
  });

  it('gets 409 for a repeat so old that its answer is forgotten', async () => {
    const { url, node } = await startNode();
    for (let seq = 0; seq < 8; seq += 1) await publishAs(url, { id: 'shop-1', epoch: 0, seq }, 'a');
    await problem(
      await publishAs(url, { id: 'shop-1', epoch: 0, seq: 0 }, 'a'),
      409,
      'producer_sequence_too_old',
    );
    expect(await node.stored('orders')).toBe(8);
  });

  it('is the same whether it calls itself by a UUID in headers or in its batch', async () => {
    const { url, node } = await startNode();
    const id = '0B5E6C0E-7F3A-4C39-9D56-0A1B2C3D4E5F';
    await publishAs(url, { id, epoch: 0, seq: 0 }, 'a');
    const messages = [{ value: Buffer.from('a'), kind: 'text' as const, headers: [] }];
    const batch = encodeBatch({ messages, producer: { id: id.toLowerCase(), epoch: 0, sequence: 0 } });
    const repeat = await fetch(`${url}/orders`, { method: 'POST', headers: BATCH, body: batch });
    expect(repeat.status).toBe(200);
    const withHeaders = { ...BATCH, 'producer-id': id, 'producer-epoch': '0', 'producer-seq': '0' };
    expect((await fetch(`${url}/orders`, { method: 'POST', headers: withHeaders, body: batch })).status).toBe(
      200,
    );
    expect(await node.stored('orders')).toBe(1);
  });

  it('is told apart from one of another name, whatever the names are', async () => {
    const { url, node } = await startNode();
    for (const id of ['a', 'A', 'a/b:c!', 'x'.repeat(128)]) {
      expect((await publishAs(url, { id, epoch: 0, seq: 0 }, id)).status).toBe(201);
      expect((await publishAs(url, { id, epoch: 0, seq: 0 }, id)).status).toBe(200);
    }
    expect(await node.stored('orders')).toBe(4);
  });
});

describe('publishing at an expected sequence number', () => {
  it('lets exactly one of two racing publishers through, and tells the other the next number', async () => {
    const { url, node } = await startNode();
    await publishValues(url, 'orders', [1, 2]);
    const race = ['a', 'b'].map((body) =>
      fetch(`${url}/orders`, { method: 'POST', headers: { 'expected-sequence-number': '2' }, body }),
    );
    const answers = await Promise.all(race);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412]);
    const loser = answers.find(({ status }) => status === 412);
    expect(loser && (await problem(loser, 412, 'sequence_mismatch'))).toMatchObject({
      expectedSequenceNumber: 3,
    });
    expect(await node.stored('orders')).toBe(3);
  });

  it('starts a stream that is not there yet at 0 only', async () => {
    const { url } = await startNode();
    const init = (expected: number) => ({
      method: 'POST',
      headers: { 'expected-sequence-number': String(expected) },
      body: 'x',
    });
    await problem(await fetch(`${url}/orders`, init(1)), 412, 'sequence_mismatch');
    expect((await fetch(`${url}/orders`, init(0))).status).toBe(201);
    expect((await read(url, '/orders')).messages).toHaveLength(1);
  });
});
