import { faultyStorage } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { ClusterSecret, type Queues, rotateClusterSecret } from '../../src/index.ts';
import { nobody, QueueBench, text } from './support/bench.ts';

const lost = expect.objectContaining({ code: 'lock_lost' });

/** Two nodes and a queue with enough to do; a lock lasts as long as any test. */
async function twoNodes() {
  const bench = new QueueBench();
  const queue = await bench.queue({ lockDurationMs: 3_600_000 });
  const { runtime, storage } = bench;
  const [one, other] = [bench.node(), bench.node()];
  await one.enqueue(
    queue,
    ['a', 'b', 'c'].map((each) => text(each)),
  );
  const lockOf = async (node: Queues): Promise<string> => {
    const delivery = await runtime.run(node.receive(queue, nobody));
    if (delivery?.lock === undefined) throw new Error('nothing came under lock');
    return delivery.lock.id;
  };
  return {
    bench,
    one,
    other,
    lockOf,
    renew: (node: Queues, id: string) => runtime.run(node.renew(queue, id)),
    rotate: () => runtime.run(rotateClusterSecret(storage.documents, runtime)),
  };
}

describe('a secret that was replaced', () => {
  it('is believed still: locks of before it go on', async () => {
    const { bench, one, lockOf, renew, rotate } = await twoNodes();
    const before = await lockOf(one);
    expect(await rotate()).toBe(true);
    await renew(bench.node(), before);
  });

  it('is not waited for: a node that knows only the one before takes locks signed with the new one', async () => {
    const { bench, one, other, lockOf, renew, rotate } = await twoNodes();
    await lockOf(other);
    await rotate();
    const after = await lockOf(bench.node());
    await renew(other, after);
    await renew(one, after);
  });

  it('is used by nobody a minute later, and believed by nobody once it was replaced again', async () => {
    const { bench, one, other, lockOf, renew, rotate } = await twoNodes();
    const first = await lockOf(one);
    await rotate();
    await bench.runtime.advance(60_000);
    const second = await lockOf(one);
    await rotate();
    await bench.runtime.advance(60_000);
    for (const node of [one, other, bench.node()]) {
      await expect(renew(node, first)).rejects.toEqual(lost);
      await renew(node, second);
    }
  });

  it('serves on while the storage does not tell the new one', async () => {
    const { bench, one, lockOf, renew } = await twoNodes();
    const lock = await lockOf(one);
    await bench.runtime.advance(60_000);
    bench.fault = ({ operation, target }) =>
      operation === 'documents.get' && target === 'queue-secret'
        ? { kind: 'refuse', code: 'unavailable' }
        : undefined;
    await renew(one, lock);
  });
});

describe('the secret', () => {
  it('is read once a second at most, however many made-up locks come', async () => {
    const { bench, one, lockOf, renew } = await twoNodes();
    const id = await lockOf(one);
    const madeUp = (id.startsWith('A') ? 'B' : 'A') + id.slice(1);
    const before = bench.count('documents.get', 'queue-secret');
    const refused = Array.from({ length: 100 }, () => expect(renew(one, madeUp)).rejects.toEqual(lost));
    await Promise.all(refused);
    expect(bench.count('documents.get', 'queue-secret') - before).toBe(1);
  });

  it('is not replaced before there is one', async () => {
    const { runtime, storage } = new QueueBench();
    expect(await runtime.run(rotateClusterSecret(storage.documents, runtime))).toBe(false);
  });

  it('is replaced once although the answer of the storage was lost', async () => {
    const { runtime, storage } = new QueueBench();
    const [before] = await new ClusterSecret(storage.documents, runtime).get();
    const { documents } = faultyStorage(
      storage,
      ({ operation }) => (operation === 'documents.put' ? { kind: 'lose_answer' } : undefined),
      { runtime },
    );
    expect(await runtime.run(rotateClusterSecret(documents, runtime))).toBe(true);
    const [newest, ...older] = await new ClusterSecret(documents, runtime).get();
    expect(newest).not.toEqual(before);
    expect(older).toEqual([before]);
  });
});
