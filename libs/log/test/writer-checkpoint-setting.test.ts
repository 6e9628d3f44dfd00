import { describe, expect, it } from 'vitest';
import { applyRetention, type StreamWriter } from '../src/index.ts';
import { batchOf, by, largeBatch, producerA, WriterWorld } from './support/writer-world.ts';

async function fill(world: WriterWorld, writer: StreamWriter, commits: number): Promise<void> {
  for (let n = 0; n < commits; n += 1) await world.run(writer.append(batchOf(`filler ${n}`)));
}

describe('a stream whose producer checkpoints come at another distance than before', () => {
  it.each([
    { before: 64, after: 8, between: 10 },
    { before: 64, after: 8, between: 100 },
    { before: 512, after: 8, between: 200 },
    { before: 512, after: 64, between: 200 },
    { before: 8, after: 64, between: 30 },
    { before: 8, after: 512, between: 130 },
  ])('still recognises a repeat, $before → $after after $between commits', async (each) => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { checkpointEvery: each.before } });
    await fill(world, writer, 3);
    const first = await world.run(writer.append(batchOf('once', by(producerA, 0))));
    await fill(world, writer, each.between);
    await world.run(writer.close());
    let next = await world.open(2, { settings: { checkpointEvery: each.after } });
    expect(await world.run(next.append(batchOf('once', by(producerA, 0))))).toEqual({
      ...first,
      duplicate: true,
    });
    await fill(world, next, each.between);
    await world.run(next.close());
    next = await world.open(3, { settings: { checkpointEvery: each.before } });
    expect(await world.run(next.append(batchOf('once', by(producerA, 0))))).toEqual({
      ...first,
      duplicate: true,
    });
  });

  it('opens from what retention keeps: the newest checkpoint, whichever setting it was written under', async () => {
    const world = new WriterWorld();
    const small = { segmentBytes: 64 * 1024, checkpointEvery: 8 };
    const writer = await world.open(1, { settings: small });
    for (let n = 0; n < 45; n += 1) await world.run(writer.append(largeBatch(`old ${n}`, 8 * 1024)));
    await world.run(writer.append(batchOf('once', by(producerA, 0))));
    await world.run(writer.close());
    const wide = { ...small, checkpointEvery: 512 };
    const next = await world.open(2, { settings: wide });
    for (let n = 0; n < 45; n += 1) await world.run(next.append(largeBatch(`new ${n}`, 8 * 1024)));
    await world.run(next.close());
    const { pages, stream } = world;
    const deleted = await applyRetention({ pages, stream, policy: { retentionBytes: 1 }, nowMs: 0 });
    expect(deleted.length).toBeGreaterThan(0);
    const last = await world.open(3, { settings: wide });
    expect(await world.run(last.append(batchOf('once', by(producerA, 0))))).toMatchObject({
      duplicate: true,
    });
  });
});
