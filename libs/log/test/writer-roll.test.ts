import type { FaultPlan } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { type StreamWriter, segmentRef } from '../src/index.ts';
import { checkLog } from './support/check-log.ts';
import { batchOf, by, code, largeBatch, onCall, producerA, WriterWorld } from './support/writer-world.ts';

async function publish(world: WriterWorld, writer: StreamWriter, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) await world.run(writer.append(batchOf(`v${n}`)));
}

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `v${n}`);

describe('a segment', () => {
  it('is closed by the commit that fills it by number, and the next one starts at the page behind it', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { segmentCommits: 3 } });
    await publish(world, writer, 0, 8);
    const commits = await world.stored();
    expect(commits.map(({ header }) => header.lastInSegment)).toEqual([
      false,
      false,
      true,
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(await world.segments()).toEqual([0, commits[3]?.header.page, commits[6]?.header.page]);
    expect(await checkLog(world)).toEqual(names(8));
  });

  it('is closed by the commit that fills it by bytes', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { segmentBytes: 100_000 } });
    for (let n = 0; n < 9; n += 1) await world.run(writer.append(largeBatch(`v${n}`, 30_000)));
    const flags = (await world.stored()).map(({ header }) => header.lastInSegment);
    expect(flags).toEqual([false, false, false, true, false, false, false, true, false]);
  });

  it('always has room for one largest commit before it is closed', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { segmentBytes: 512 } });
    for (let n = 0; n < 3; n += 1) await world.run(writer.append(largeBatch(`v${n}`, 4_180_000)));
    expect((await world.segments()).length).toBe(3);
  });

  it('is created only when there is something to put into it', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { segmentCommits: 2 } });
    await publish(world, writer, 0, 2);
    expect(await world.segments()).toEqual([0]);
    await publish(world, writer, 2, 3);
    expect((await world.segments()).length).toBe(2);
  });

  it('made with other settings is closed when it would get too small for a largest commit', async () => {
    const world = new WriterWorld();
    await world.open(1, { settings: { segmentBytes: 1024 } });
    const writer = await world.open(2);
    for (let n = 0; n < 2; n += 1) await world.run(writer.append(largeBatch(`v${n}`, 4_000_000)));
    const flags = (await world.stored()).map(({ header }) => header.lastInSegment);
    expect(flags).toEqual([true, false]);
  });

  it('is rolled though the answer to creating the next one is lost', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, {
      settings: { segmentCommits: 2 },
      faults: onCall('createSegment', 1, { kind: 'lose_answer' }),
    });
    await publish(world, writer, 0, 5);
    expect(await checkLog(world)).toEqual(names(5));
    expect(world.leaderships[0]?.lostBecause).toEqual([]);
  });

  it('is rolled though creating the next one arrives late, after it was repeated', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, {
      settings: { segmentCommits: 2 },
      faults: onCall('createSegment', 1, { kind: 'land_later', afterMs: 500 }),
    });
    await publish(world, writer, 0, 3);
    await world.runtime.advance(1000);
    await publish(world, writer, 3, 5);
    expect(await checkLog(world)).toEqual(names(5));
  });

  it('that can not be created for long makes batches fail as certainly not stored, and is created later', async () => {
    const world = new WriterWorld();
    const active = { on: false };
    const refused = { kind: 'refuse', code: 'throttled' } as const;
    const plan: FaultPlan = ({ operation }) =>
      active.on && operation === 'pages.createSegment' ? refused : undefined;
    const writer = await world.open(1, { settings: { segmentCommits: 1, resolveForMs: 2000 }, faults: plan });
    await publish(world, writer, 0, 1);
    active.on = true;
    const queued = ['x', 'y'].map((value) => code(writer.append(batchOf(value))));
    expect(await world.run(Promise.all(queued))).toEqual(['storage_unavailable', 'storage_unavailable']);
    active.on = false;
    await publish(world, writer, 1, 3);
    expect(await checkLog(world)).toEqual(names(3));
  });
});

describe('taking over around a roll', () => {
  const settings = { segmentCommits: 3 };

  it('creates the next segment when the last commit closed its own', async () => {
    const world = new WriterWorld();
    await publish(world, await world.open(1, { settings }), 0, 3);
    const writer = await world.open(2, { settings });
    expect((await world.segments()).length).toBe(2);
    await publish(world, writer, 3, 5);
    expect(await checkLog(world)).toEqual(names(5));
  });

  it('goes on in the next segment when the old leader had created it', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 3);
    const ref = segmentRef(world.stream, old.tail.page);
    await world.pages.createSegment(ref, { sizeBytes: 16 * 1024 * 1024, epoch: 1 });
    const writer = await world.open(2, { settings });
    expect(writer.tail).toEqual(old.tail);
    await publish(world, writer, 3, 5);
    expect(await checkLog(world)).toEqual(names(5));
    expect((await world.pages.segmentProperties(ref)).epoch).toBe(2);
  });

  it('adopts what the old leader wrote into further segments after they were listed', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 2);
    const opening = world.opening(2, {
      settings,
      faults: onCall('listSegments', 0, { kind: 'delay', afterMs: 100 }),
    });
    await world.runtime.advance(50);
    await publish(world, old, 2, 10);
    const writer = await world.run(opening);
    expect(writer.tail).toEqual(old.tail);
    expect(await world.codeOf(old.append(batchOf('late')))).toBe('outcome_unknown');
    await publish(world, writer, 10, 12);
    expect(await checkLog(world)).toEqual(names(12));
  });

  it('makes an old leader that wants to roll find out that it has lost', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 3);
    const writer = await world.open(2, { settings });
    await publish(world, writer, 3, 4);
    expect(await world.codeOf(old.append(batchOf('late')))).toBe('not_leader');
    expect(world.leaderships[0]?.lostBecause).toHaveLength(1);
    expect(await checkLog(world)).toEqual(names(4));
  });

  it('of an empty newest segment finds everything in the one before it, the dedupe window too', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 2);
    const first = await world.run(old.append(batchOf('v2', by(producerA, 0))));
    await world.open(2, { settings });
    const writer = await world.open(3, { settings });
    const repeat = await world.run(writer.append(batchOf('v2', by(producerA, 0))));
    expect(repeat).toEqual({ ...first, duplicate: true });
    expect(writer.tail.nextSequenceNumber).toBe(3);
  });

  it('refuses when the segment that holds the last commit is gone', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings });
    await publish(world, old, 0, 3);
    await world.open(2, { settings });
    await world.pages.deleteSegment(segmentRef(world.stream, 0));
    expect(await world.codeOf(world.opening(3, { settings }))).toBe('damaged');
  });
});
