import { describe, expect, it } from 'vitest';
import { type AppendResult, openWriter, type StreamWriter } from '../src/index.ts';
import { batchOf, by, largeBatch, producerA, producerB, WriterWorld } from './support/writer-world.ts';

/** Publishes so many commits of one batch each, by nobody in particular. */
async function fill(world: WriterWorld, writer: StreamWriter, commits: number): Promise<void> {
  for (let n = 0; n < commits; n += 1) await world.run(writer.append(batchOf(`filler ${n}`)));
}

describe('the dedupe window at takeover', () => {
  it('recognises a repeat at every distance from 0 to 200 commits', async () => {
    const world = new WriterWorld();
    let writer = await world.open(1);
    await fill(world, writer, 37);
    const first = await world.run(writer.append(batchOf('once', by(producerA, 0))));
    for (let distance = 0; distance <= 200; distance += 1) {
      await world.run(writer.close());
      writer = await world.open(distance + 2);
      const repeat = await world.run(writer.append(batchOf('once', by(producerA, 0))));
      expect(repeat, `at distance ${distance}`).toEqual({ ...first, duplicate: true });
      await fill(world, writer, 1);
    }
    expect((await world.values()).filter((value) => value === 'once')).toHaveLength(1);
  });

  it('is the same window the old leader had, answer by answer', async () => {
    const world = new WriterWorld(7);
    const ids = Array.from({ length: 12 }, (_, n) => `000000${10 + n}-bbbb-4bbb-8bbb-bbbbbbbbbbbb`);
    const next = new Map<string, number>();
    const answers = new Map<string, AppendResult[]>();
    let writer = await world.open(1);
    for (let n = 0; n < 300; n += 1) {
      const id = world.runtime.rng.pick(ids);
      const sequence = next.get(id) ?? 0;
      const answer = await world.run(writer.append(batchOf(['x', 'y'], by(id, sequence))));
      next.set(id, sequence + 1);
      answers.set(id, [...(answers.get(id) ?? []), answer]);
      if (n % 41 === 0) writer = await world.open(n + 2);
    }
    writer = await world.open(1000);
    for (const [id, told] of answers) {
      const from = Math.max(0, told.length - 5);
      for (let sequence = from; sequence < told.length; sequence += 1) {
        const repeat = await world.run(writer.append(batchOf(['x', 'y'], by(id, sequence))));
        expect(repeat).toEqual({ ...told[sequence], duplicate: true });
      }
      if (from > 0) {
        const older = writer.append(batchOf(['x', 'y'], by(id, from - 1)));
        expect(await world.codeOf(older)).toBe('producer_sequence_too_old');
      }
    }
  });

  it('keeps what it knows of epochs: an older one of a producer stays fenced', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    await world.run(old.append(batchOf('a', by(producerA, 0, 3))));
    await world.run(old.append(batchOf('b', by(producerA, 0, 4))));
    const writer = await world.open(2);
    expect(await world.codeOf(writer.append(batchOf('c', by(producerA, 1, 3))))).toBe('producer_fenced');
    expect(await world.codeOf(writer.append(batchOf('c', by(producerA, 1, 4))))).toBe('no error');
  });

  it('forgets exactly whom the old leader had forgotten', async () => {
    const world = new WriterWorld();
    const settings = { maxProducers: 3 };
    const ids = [0, 1, 2, 3, 4].map((n) => `0000000${n}-cccc-4ccc-8ccc-cccccccccccc`);
    const old = await world.open(1, { settings });
    for (const id of ids) await world.run(old.append(batchOf(id, by(id, 0))));
    await world.run(old.append(batchOf('again', by(ids[2] ?? '', 1))));
    await world.run(old.append(batchOf('new', by(producerB, 0))));
    const writer = await world.open(2, { settings });
    const told = async (asked: StreamWriter, id: string): Promise<unknown> =>
      await world.run(asked.append(batchOf('x', by(id, 9))).catch((error: unknown) => error));
    const expected = [0, 0, 2, 0, 1].map((next) => ({ details: { expectedProducerSequence: next } }));
    for (const [index, id] of ids.entries()) {
      expect(await told(old, id)).toMatchObject(expected[index] ?? {});
      expect(await told(writer, id)).toMatchObject(expected[index] ?? {});
    }
    expect(writer.stats.producers).toBe(3);
  });

  it('is found in another segment, and over several of them', async () => {
    const world = new WriterWorld();
    const settings = { segmentCommits: 10 };
    const old = await world.open(1, { settings });
    const first = await world.run(old.append(batchOf('once', by(producerA, 0))));
    await fill(world, old, 55);
    expect((await world.segments()).length).toBeGreaterThan(4);
    const writer = await world.open(2, { settings });
    const repeat = await world.run(writer.append(batchOf('once', by(producerA, 0))));
    expect(repeat).toEqual({ ...first, duplicate: true });
  });

  it('reads only the headers of large batches', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    for (let n = 0; n < 60; n += 1)
      await world.run(old.append(largeBatch(`${n}`, 1_000_000, by(producerA, n))));
    let readBytes = 0;
    const pages = {
      ...world.pages,
      readRange: async (...args: Parameters<typeof world.pages.readRange>) => {
        const answer = await world.pages.readRange(...args);
        if (answer.status === 'read') readBytes += answer.bytes.length;
        return answer;
      },
    };
    const leadership = world.leader(2);
    const writer = await world.run(
      openWriter({ pages, runtime: world.runtime, stream: world.stream, leadership }),
    );
    expect(await world.codeOf(writer.append(largeBatch('59', 1_000_000, by(producerA, 59))))).toBe(
      'no error',
    );
    expect(writer.stats.duplicates).toBe(1);
    expect(readBytes).toBeLessThan(16 * 1024 * 1024);
  });

  it('goes into a commit of its own when it leaves no room for the next batch', async () => {
    const world = new WriterWorld();
    const settings = { maxCommitBytes: 64 * 1024, maxProducers: 200 };
    const writer = await world.open(1, { settings });
    for (let n = 0; n < 64; n += 1) {
      const id = `000000${10 + n}-dddd-4ddd-8ddd-dddddddddddd`;
      await world.run(writer.append(batchOf('x', by(id, 0))));
    }
    await world.run(writer.append(largeBatch('large', 64_000, by(producerA, 0))));
    const commits = await world.stored();
    expect(commits[64]?.header).toMatchObject({
      number: 64,
      messageCount: 0,
      batchCount: 0,
      firstSequenceNumber: 64,
    });
    expect(commits[65]?.header).toMatchObject({ number: 65, messageCount: 1, firstSequenceNumber: 64 });
    const next = await world.open(2, { settings });
    const repeat = await world.run(next.append(largeBatch('large', 64_000, by(producerA, 0))));
    expect(repeat).toMatchObject({ duplicate: true, firstSequenceNumber: 64 });
    expect(next.tail.nextSequenceNumber).toBe(65);
  });
});
