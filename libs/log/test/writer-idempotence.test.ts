import { describe, expect, it } from 'vitest';
import { admissionRules, ruleFor } from '../src/writer/admission.ts';
import { batchOf, by, onCall, producerA, producerB, WriterWorld } from './support/writer-world.ts';

const slowFirstWrite = () => onCall('writePages', 0, { kind: 'delay', beforeMs: 50 });

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
}

describe('idempotent producers', () => {
  it('answer a repeat with the first answer and store it once', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const first = await world.run(writer.append(batchOf(['a', 'b'], by(producerA, 0))));
    const second = await world.run(writer.append(batchOf('c', by(producerA, 1))));
    const repeats = await world.run(
      Promise.all([
        writer.append(batchOf(['a', 'b'], by(producerA, 0))),
        writer.append(batchOf('c', by(producerA, 1))),
      ]),
    );
    expect(repeats).toEqual([
      { ...first, duplicate: true },
      { ...second, duplicate: true },
    ]);
    expect(await world.values()).toEqual(['a', 'b', 'c']);
    expect(writer.stats.duplicates).toBe(2);
  });

  it('may have many batches on their way, which are stored in their order', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const appends = [0, 1, 2, 3, 4, 5, 6].map((n) => writer.append(batchOf(`${n}`, by(producerA, n))));
    await world.run(Promise.all(appends));
    expect(await world.values()).toEqual(['0', '1', '2', '3', '4', '5', '6']);
  });

  it('get the same answer to a repeat of a batch that is in flight or in the queue', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { faults: slowFirstWrite() });
    const inFlight = writer.append(batchOf('a', by(producerA, 0)));
    await world.runtime.advance(1);
    const queued = writer.append(batchOf('b', by(producerA, 1)));
    const repeats = [
      writer.append(batchOf('a', by(producerA, 0))),
      writer.append(batchOf('b', by(producerA, 1))),
    ];
    const [first, second, ...again] = await world.run(Promise.all([inFlight, queued, ...repeats]));
    expect(again).toEqual([
      { ...first, duplicate: true },
      { ...second, duplicate: true },
    ]);
    expect(await world.values()).toEqual(['a', 'b']);
  });

  it('are told which batch is missing when one comes too early', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(writer.append(batchOf('a', by(producerA, 0))));
    expect(await world.run(failure(writer.append(batchOf('c', by(producerA, 2)))))).toMatchObject({
      code: 'producer_gap',
      details: { expectedProducerSequence: 1 },
    });
    expect(await world.values()).toEqual(['a']);
  });

  it('must start at 0 when the stream does not know them', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    expect(await world.run(failure(writer.append(batchOf('x', by(producerA, 7)))))).toMatchObject({
      code: 'producer_gap',
      details: { expectedProducerSequence: 0 },
    });
  });

  it('are fenced by a higher epoch of their own, which starts at 0', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(writer.append(batchOf('old', by(producerA, 0, 3))));
    expect(await world.run(failure(writer.append(batchOf('x', by(producerA, 1, 4)))))).toMatchObject({
      code: 'producer_gap',
      details: { expectedProducerSequence: 0 },
    });
    await world.run(writer.append(batchOf('new', by(producerA, 0, 4))));
    expect(await world.run(failure(writer.append(batchOf('old again', by(producerA, 1, 3)))))).toMatchObject({
      code: 'producer_fenced',
      details: { producerEpoch: 4 },
    });
    expect(await world.values()).toEqual(['old', 'new']);
  });

  it('get the answers to their last five batches again, and are told when a repeat is older', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const first = [];
    for (let n = 0; n < 8; n += 1)
      first.push(await world.run(writer.append(batchOf(`${n}`, by(producerA, n)))));
    for (const n of [3, 4, 5, 6, 7]) {
      const repeat = await world.run(writer.append(batchOf(`${n}`, by(producerA, n))));
      expect(repeat).toEqual({ ...first[n], duplicate: true });
    }
    expect(await world.codeOf(writer.append(batchOf('2', by(producerA, 2))))).toBe(
      'producer_sequence_too_old',
    );
    expect(await world.values()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });

  it('do not disturb each other', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(
      Promise.all([
        writer.append(batchOf('a0', by(producerA, 0))),
        writer.append(batchOf('b0', by(producerB, 0))),
        writer.append(batchOf('nobody')),
        writer.append(batchOf('a1', by(producerA, 1))),
        writer.append(batchOf('b1', by(producerB, 1))),
      ]),
    );
    expect(await world.values()).toEqual(['a0', 'b0', 'nobody', 'a1', 'b1']);
  });

  it('get the first answer to a repeat of a compare-and-append, though the number has moved on', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const options = { expectedSequenceNumber: 0 };
    const first = await world.run(writer.append(batchOf('a', by(producerA, 0)), options));
    const repeat = await world.run(writer.append(batchOf('a', by(producerA, 0)), options));
    expect(repeat).toEqual({ ...first, duplicate: true });
  });

  it('are forgotten, the longest silent first, when there are too many', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { maxProducers: 2 } });
    const ids = [0, 1, 2].map((n) => `0000000${n}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`);
    for (const id of ids) await world.run(writer.append(batchOf(id, by(id, 0))));
    const [oldest = '', kept = ''] = ids;
    expect(writer.stats.producers).toBe(2);
    expect(await world.codeOf(writer.append(batchOf('x', by(oldest, 1))))).toBe('producer_gap');
    expect(await world.codeOf(writer.append(batchOf('x', by(kept, 1))))).toBe('no error');
  });

  it('are forgotten after long silence, but never the latest 64 of them, so that a jump of the clock harms nobody', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { producerIdleMs: 60_000 } });
    const ids = Array.from({ length: 70 }, (_, n) => `000000${10 + n}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`);
    for (const id of ids) await world.run(writer.append(batchOf(id, by(id, 0))));
    expect(writer.stats.producers).toBe(70);
    world.runtime.wallOffsetMs = 3_600_000;
    await world.run(writer.append(batchOf('an hour later')));
    expect(writer.stats.producers).toBe(64);
    expect(await world.codeOf(writer.append(batchOf('x', by(ids[0] ?? '', 1))))).toBe('producer_gap');
    const repeat = await world.run(writer.append(batchOf('x', by(ids[69] ?? '', 0))));
    expect(repeat.duplicate).toBe(true);
  });
});

describe('the table of admission rules', () => {
  const known = { epoch: 5, lastSequence: 9 };
  const cases: [string, { epoch: number; sequence: number }, typeof known | undefined, string][] = [
    ['unknown, first', { epoch: 2, sequence: 0 }, undefined, 'take'],
    ['unknown, not first', { epoch: 2, sequence: 1 }, undefined, 'gap'],
    ['lower epoch, first', { epoch: 4, sequence: 0 }, known, 'fenced'],
    ['lower epoch, next', { epoch: 4, sequence: 10 }, known, 'fenced'],
    ['lower epoch, behind', { epoch: 4, sequence: 9 }, known, 'fenced'],
    ['same epoch, first again', { epoch: 5, sequence: 0 }, known, 'repeat'],
    ['same epoch, last again', { epoch: 5, sequence: 9 }, known, 'repeat'],
    ['same epoch, next', { epoch: 5, sequence: 10 }, known, 'take'],
    ['same epoch, ahead', { epoch: 5, sequence: 11 }, known, 'gap'],
    ['higher epoch, first', { epoch: 6, sequence: 0 }, known, 'take'],
    ['higher epoch, next', { epoch: 6, sequence: 10 }, known, 'gap'],
    ['higher epoch, behind', { epoch: 6, sequence: 9 }, known, 'gap'],
  ];

  it.each(cases)('%s', (_, batch, last, rule) => {
    expect(ruleFor(batch, last)).toBe(rule);
  });

  it('ends with a row that takes every combination', () => {
    expect(admissionRules.at(-1)).toMatchObject({ epoch: '*', sequence: '*' });
  });
});
