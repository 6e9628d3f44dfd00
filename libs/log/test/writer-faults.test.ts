import type { Fault, FaultPlan } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import type { LandedCommit } from '../src/index.ts';
import {
  batchOf,
  by,
  code,
  largeBatch,
  onCall,
  producerA,
  TestLeadership,
  WriterWorld,
} from './support/writer-world.ts';

/** Every call of the operations named has the fault, as long as `active.on`. */
function whileOn(active: { on: boolean }, fault: Fault, ...operations: string[]): FaultPlan {
  return ({ operation }) =>
    active.on && operations.some((name) => operation === `pages.${name}`) ? fault : undefined;
}

const everything = [
  'writePages',
  'readRange',
  'writtenRanges',
  'segmentProperties',
  'fence',
  'createSegment',
  'listSegments',
];

describe('an unknown outcome', () => {
  it('is found to have landed when only the answer was lost', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { faults: onCall('writePages', 0, { kind: 'lose_answer' }) });
    const answer = await world.run(writer.append(batchOf('a')));
    expect(answer).toMatchObject({ firstSequenceNumber: 0, duplicate: false });
    await world.run(writer.append(batchOf('b')));
    expect(await world.values()).toEqual(['a', 'b']);
    expect(world.leaderships[0]?.lostBecause).toEqual([]);
  });

  it('is found not to have landed, and the same bytes are put again', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, {
      faults: onCall('writePages', 0, { kind: 'refuse', code: 'outcome_unknown' }),
    });
    await world.run(writer.append(batchOf('a')));
    await world.run(writer.append(batchOf('b')));
    expect((await world.stored()).map(({ header, values }) => [header.number, values])).toEqual([
      [0, ['a']],
      [1, ['b']],
    ]);
  });

  it('is told onCommit without a version: a newer leader may have written behind what was read back', async () => {
    const world = new WriterWorld();
    const faults: FaultPlan = ({ operation }) => {
      if (operation === 'pages.writePages') return { kind: 'lose_answer' };
      return operation === 'pages.readRange' ? { kind: 'delay', beforeMs: 500 } : undefined;
    };
    const told: [page: number, commit: LandedCommit | undefined][] = [];
    const deposed = await world.open(1, { faults, onCommit: (...each) => told.push(each) });
    const append = deposed.append(batchOf('a'));
    await world.runtime.advance(10);
    const next = await world.open(2);
    await world.run(next.append(batchOf('b')));
    expect(told).toEqual([]);
    await world.run(append);
    expect(told).toEqual([[1, undefined]]);
    expect(await world.values()).toEqual(['a', 'b']);
  });

  it('does no harm when the write lands late, after it was put again', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, {
      faults: onCall('writePages', 0, { kind: 'land_later', afterMs: 500 }),
    });
    await world.run(writer.append(batchOf('a')));
    await world.run(writer.append(batchOf('b')));
    await world.runtime.advance(1000);
    await world.run(writer.append(batchOf('c')));
    expect(await world.values()).toEqual(['a', 'b', 'c']);
    expect(world.leaderships[0]?.lostBecause).toEqual([]);
  });

  it('is settled as landed when the late write lands between looking and putting again', async () => {
    const world = new WriterWorld();
    let writes = 0;
    const plan: FaultPlan = ({ operation }) => {
      if (operation !== 'pages.writePages') return undefined;
      writes += 1;
      if (writes === 1) return { kind: 'land_later', afterMs: 100 };
      return writes === 2 ? { kind: 'delay', beforeMs: 500 } : undefined;
    };
    const writer = await world.open(1, { faults: plan });
    await world.run(writer.append(batchOf('a')));
    await world.run(writer.append(batchOf('b')));
    expect(writes).toBe(3);
    expect(await world.values()).toEqual(['a', 'b']);
    expect(world.leaderships[0]?.lostBecause).toEqual([]);
  });

  it.each([1, 2, 3, 4, 5])(
    'is settled by putting all pages again when only %i of them landed',
    async (pages) => {
      const world = new WriterWorld();
      const writer = await world.open(1, { faults: onCall('writePages', 0, { kind: 'tear', pages }) });
      await world.run(writer.append(largeBatch('torn', 2500)));
      expect((await world.stored()).map(({ header }) => header.pages)).toEqual([6]);
    },
  );

  it('is settled after a storm of every kind of lost answer', async () => {
    const world = new WriterWorld();
    const faults: Fault[] = [
      { kind: 'refuse', code: 'outcome_unknown' },
      { kind: 'land_later', afterMs: 700 },
      { kind: 'tear', pages: 1 },
      { kind: 'refuse', code: 'throttled', retryAfterMs: 300 },
      { kind: 'lose_answer' },
    ];
    const plan: FaultPlan = ({ operation }) =>
      operation === 'pages.writePages' ? faults.shift() : undefined;
    const writer = await world.open(1, { faults: plan });
    await world.run(Promise.all(['a', 'b'].map((value) => writer.append(largeBatch(value, 1000)))));
    await world.run(writer.append(batchOf('c')));
    await world.runtime.advance(2000);
    expect((await world.values()).map((value) => value[0])).toEqual(['a', 'b', 'c']);
  });

  it('is resolved though looking fails for a while too', async () => {
    const world = new WriterWorld();
    const outage = { on: false };
    const writer = await world.open(1, {
      faults: whileOn(outage, { kind: 'refuse', code: 'unavailable' }, 'readRange', 'writePages'),
    });
    outage.on = true;
    const append = writer.append(batchOf('a'));
    await world.runtime.advance(5000);
    outage.on = false;
    await world.run(append);
    expect(await world.values()).toEqual(['a']);
  });
});

describe('a delayed duplicate of an old write of the same epoch', () => {
  it('is refused by the storage and changes nothing', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { faults: onCall('writePages', 0, { kind: 'repeat', afterMs: 50 }) });
    await world.run(writer.append(batchOf('a')));
    await world.run(writer.append(batchOf('b')));
    const before = await world.bytesAt(0, 4);
    await world.runtime.advance(1000);
    expect(await world.bytesAt(0, 4)).toEqual(before);
    await world.run(writer.append(batchOf('c')));
    expect(await world.values()).toEqual(['a', 'b', 'c']);
  });

  it('is refused after the same leader has opened the stream again', async () => {
    const world = new WriterWorld();
    const leadership = world.leader(1);
    const active = { on: true };
    const first = await world.open(1, {
      leadership,
      settings: { resolveForMs: 100 },
      faults: (call) =>
        active.on && call.operation === 'pages.writePages'
          ? { kind: 'land_later', afterMs: 5000 }
          : undefined,
    });
    expect(await world.codeOf(first.append(batchOf('never')))).toBe('outcome_unknown');
    await world.run(first.close());
    const second = await world.open(1, { leadership });
    await world.run(second.append(batchOf('other')));
    await world.runtime.advance(10_000);
    await world.run(second.append(batchOf('more')));
    expect(await world.values()).toEqual(['other', 'more']);
  });
});

describe('a fence of ours that is applied late', () => {
  it('changes the version under the writer, who looks and goes on', async () => {
    const world = new WriterWorld();
    await world.open(1);
    const writer = await world.open(2, { faults: onCall('fence', 0, { kind: 'repeat', afterMs: 50 }) });
    await world.run(writer.append(batchOf('a')));
    await world.runtime.advance(100);
    await world.run(writer.append(batchOf('b')));
    expect(await world.values()).toEqual(['a', 'b']);
    expect(world.leaderships[1]?.lostBecause).toEqual([]);
  });
});

describe('throttling', () => {
  it('is waited out as long as the storage asks, with the same bytes', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, {
      faults: onCall('writePages', 0, { kind: 'refuse', code: 'throttled', retryAfterMs: 3000 }),
    });
    const started = world.runtime.monotonic();
    await world.run(writer.append(batchOf('a')));
    expect(world.runtime.monotonic() - started).toBeGreaterThanOrEqual(3000);
    expect(await world.values()).toEqual(['a']);
  });

  it('for too long is told as certainly not stored, to the one sent and to those behind it, and is over when it is over', async () => {
    const world = new WriterWorld();
    const storm = { on: true };
    const writer = await world.open(1, {
      settings: { resolveForMs: 2000 },
      faults: whileOn(storm, { kind: 'refuse', code: 'throttled', retryAfterMs: 10 }, 'writePages'),
    });
    const first = writer.append(batchOf('a', by(producerA, 0)));
    const second = writer.append(batchOf('b', by(producerA, 1)));
    expect(await world.run(Promise.all([code(first), code(second)]))).toEqual([
      'storage_unavailable',
      'storage_unavailable',
    ]);
    storm.on = false;
    await world.run(writer.append(batchOf('a again', by(producerA, 0))));
    expect(await world.values()).toEqual(['a again']);
  });
});

describe('a storage that is down for long', () => {
  async function outage(world: WriterWorld, fault: Fault) {
    const active = { on: false };
    const settings = { resolveForMs: 10_000, writeTimeoutMs: 2000 };
    const writer = await world.open(1, { settings, faults: whileOn(active, fault, ...everything) });
    await world.run(writer.append(batchOf('before', by(producerA, 0))));
    active.on = true;
    const sent = writer.append(batchOf('sent', by(producerA, 1)));
    await world.runtime.advance(1);
    const queued = writer.append(batchOf('queued', by(producerA, 2)));
    const codes = await world.run(Promise.all([code(sent), code(queued)]));
    return { active, writer, codes };
  }

  it('tells the batch that was sent that its outcome is unknown, and those behind it that they were not sent', async () => {
    const world = new WriterWorld();
    const { codes, writer } = await outage(world, { kind: 'hang', applied: false });
    expect(codes).toEqual(['outcome_unknown', 'storage_unavailable']);
    expect(world.runtime.monotonic()).toBeLessThan(15_000);
    expect(writer.stats.stalled).toBe(true);
  });

  it('takes nothing in meanwhile, and says what is true of each', async () => {
    const world = new WriterWorld();
    const { writer } = await outage(world, { kind: 'hang', applied: false });
    expect(await world.codeOf(writer.append(batchOf('new')))).toBe('storage_unavailable');
    expect(await world.codeOf(writer.append(batchOf('sent', by(producerA, 1))))).toBe('outcome_unknown');
    const known = await world.run(writer.append(batchOf('before', by(producerA, 0))));
    expect(known.duplicate).toBe(true);
    expect(writer.stats).toMatchObject({ queuedBatches: 0, queuedBytes: 0 });
  });

  it.each([true, false])(
    'recovers by itself, and nothing is stored twice (the lost write had landed: %s)',
    async (applied) => {
      const world = new WriterWorld();
      const { active, writer } = await outage(world, { kind: 'hang', applied });
      active.on = false;
      await world.runtime.advance(5000);
      expect(writer.stats.stalled).toBe(false);
      const retried = await world.run(writer.append(batchOf('sent', by(producerA, 1))));
      expect(retried.duplicate).toBe(true);
      await world.run(writer.append(batchOf('queued', by(producerA, 2))));
      expect(await world.values()).toEqual(['before', 'sent', 'queued']);
    },
  );

  it('lets close come to an end', async () => {
    const world = new WriterWorld();
    const { writer } = await outage(world, { kind: 'hang', applied: false });
    const started = world.runtime.monotonic();
    await world.run(writer.close());
    expect(world.runtime.monotonic() - started).toBeLessThan(10);
    await world.runtime.advance(60_000);
    expect(await world.values()).toEqual(['before']);
  });

  it('bounds a close that begins before anybody knows of it', async () => {
    const world = new WriterWorld();
    const active = { on: false };
    const settings = { resolveForMs: 10_000, writeTimeoutMs: 2000 };
    const writer = await world.open(1, {
      settings,
      faults: whileOn(active, { kind: 'hang', applied: false }, ...everything),
    });
    active.on = true;
    const append = code(writer.append(batchOf('x')));
    await world.run(writer.close());
    expect(await append).toBe('outcome_unknown');
    expect(world.runtime.monotonic()).toBeLessThan(15_000);
  });

  it('makes opening fail with storage_unavailable within the time given', async () => {
    const world = new WriterWorld();
    const active = { on: true };
    const opening = world.opening(1, {
      settings: { resolveForMs: 3000, writeTimeoutMs: 500 },
      faults: whileOn(active, { kind: 'hang', applied: false }, ...everything),
    });
    expect(await world.codeOf(opening)).toBe('storage_unavailable');
    expect(world.runtime.monotonic()).toBeLessThan(5000);
  });
});

describe('leadership', () => {
  it('that ends before the answer comes keeps the acknowledgement back', async () => {
    const world = new WriterWorld();
    const leadership = world.leader(1);
    const writer = await world.open(1, {
      leadership,
      faults: onCall('writePages', 0, { kind: 'delay', afterMs: 100 }),
    });
    const append = code(writer.append(batchOf('a', by(producerA, 0))));
    await world.runtime.advance(50);
    leadership.leading = false;
    expect(await world.run(append)).toBe('outcome_unknown');
    expect(leadership.lostBecause).toEqual([]);
  });

  it('that has ended lets nothing be sent', async () => {
    const world = new WriterWorld();
    const leadership = world.leader(1);
    const writer = await world.open(1, { leadership });
    leadership.leading = false;
    expect(await world.codeOf(writer.append(batchOf('a')))).toBe('not_leader');
    expect(await world.values()).toEqual([]);
  });

  it('that ends while batches wait tells them that they were not sent', async () => {
    const world = new WriterWorld();
    const leadership = world.leader(1);
    const writer = await world.open(1, {
      leadership,
      faults: onCall('writePages', 0, { kind: 'delay', beforeMs: 100 }),
    });
    const inFlight = code(writer.append(batchOf('a')));
    await world.runtime.advance(1);
    const waiting = code(writer.append(batchOf('b')));
    leadership.leading = false;
    expect(await world.run(Promise.all([inFlight, waiting]))).toEqual(['outcome_unknown', 'not_leader']);
    expect(await world.values()).toEqual(['a']);
  });

  it('that ends keeps even the known answers of repeats back', async () => {
    const world = new WriterWorld();
    const leadership = world.leader(1);
    const writer = await world.open(1, { leadership });
    await world.run(writer.append(batchOf('a', by(producerA, 0))));
    leadership.leading = false;
    expect(await world.codeOf(writer.append(batchOf('a', by(producerA, 0))))).toBe('not_leader');
  });

  it('is needed to open', async () => {
    const world = new WriterWorld();
    const leadership = new TestLeadership(1);
    leadership.leading = false;
    expect(await world.codeOf(world.opening(1, { leadership }))).toBe('not_leader');
    expect(await world.segments()).toEqual([]);
  });

  it('is given up when somebody else has written to the place', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(writer.append(batchOf('a')));
    await world.scribble(writer.tail.page, new Uint8Array(512).fill(7));
    expect(await world.codeOf(writer.append(batchOf('b')))).toBe('outcome_unknown');
    expect(world.leaderships[0]?.lostBecause).toHaveLength(1);
    expect(await world.codeOf(writer.append(batchOf('c')))).toBe('not_leader');
  });

  it('is not enough when the segment is gone: the writer says so and stops', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(writer.append(batchOf('a')));
    await world.pages.deleteContainer(world.stream.container);
    expect(await world.codeOf(writer.append(batchOf('b')))).toBe('damaged');
    expect(await world.codeOf(writer.append(batchOf('c')))).toBe('damaged');
  });

  it('ends with a bug in the writer: nobody is left waiting', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, {
      faults: onCall('writePages', 0, { kind: 'refuse', code: 'invalid_request' }),
    });
    const inFlight = code(writer.append(largeBatch('a', 3_000_000)));
    const queued = code(writer.append(largeBatch('b', 3_000_000)));
    expect(await world.run(Promise.all([inFlight, queued]))).toEqual(['outcome_unknown', 'not_leader']);
    expect(world.leaderships[0]?.lostBecause).toEqual([expect.stringContaining('broke')]);
    expect(await world.codeOf(writer.append(batchOf('b')))).toBe('not_leader');
  });
});
