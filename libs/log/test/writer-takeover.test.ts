import { encodeOffset } from '@message-vault/framing';
import { describe, expect, it } from 'vitest';
import { flipBit, isWritten, unwrite } from './support/tail-damage.ts';
import { batchOf, by, code, largeBatch, onCall, producerA, WriterWorld } from './support/writer-world.ts';

describe('takeover', () => {
  it('goes on where the old leader ended, with pages, numbers, sequence numbers and timestamps', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    for (const value of ['a', 'b', 'c']) await world.run(old.append(batchOf(value)));
    world.runtime.wallOffsetMs = -3_600_000;
    const writer = await world.open(2);
    expect(writer.tail).toEqual(old.tail);
    await world.run(writer.append(batchOf('d')));
    expect(await world.values()).toEqual(['a', 'b', 'c', 'd']);
    const headers = (await world.stored()).map(({ header }) => header);
    expect(headers.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 2]);
    expect(headers[3]?.timestamp).toBe(headers[2]?.timestamp);
  });

  it('refuses a write of the old leader, who then knows that it has lost', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    await world.run(old.append(batchOf('a')));
    await world.open(2);
    expect(await world.codeOf(old.append(batchOf('b')))).toBe('outcome_unknown');
    expect(world.leaderships[0]?.lostBecause).toHaveLength(1);
    expect(await world.codeOf(old.append(batchOf('c')))).toBe('not_leader');
    expect(await world.values()).toEqual(['a']);
  });

  it('refuses a write of the old leader that was on its way when it was fenced', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { faults: onCall('writePages', 1, { kind: 'delay', beforeMs: 1000 }) });
    await world.run(old.append(batchOf('a')));
    const late = code(old.append(batchOf('late')));
    await world.runtime.advance(10);
    const writer = await world.open(2);
    await world.run(writer.append(batchOf('b')));
    expect(await world.run(late)).toBe('outcome_unknown');
    expect(await world.values()).toEqual(['a', 'b']);
  });

  it('adopts what was written and never acknowledged, and recognises its repeat', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { faults: onCall('writePages', 0, { kind: 'hang', applied: true }) });
    const unanswered = code(old.append(batchOf('a', by(producerA, 0))));
    await world.runtime.advance(10);
    const writer = await world.open(2);
    const repeat = await world.run(writer.append(batchOf('a', by(producerA, 0))));
    expect(repeat).toMatchObject({ duplicate: true, firstSequenceNumber: 0 });
    expect(await world.values()).toEqual(['a']);
    // The old leader finds its bytes there and is content; its next write tells it the truth.
    await world.run(unanswered);
    expect(await world.codeOf(old.append(batchOf('b')))).toBe('outcome_unknown');
    expect(await world.values()).toEqual(['a']);
  });

  it('is refused when a newer leader has fenced the stream, and says so to the leadership', async () => {
    const world = new WriterWorld();
    const newer = await world.open(5);
    await world.run(newer.append(batchOf('a')));
    const leadership = world.leader(4);
    expect(await world.codeOf(world.opening(4, { leadership }))).toBe('not_leader');
    expect(leadership.lostBecause).toHaveLength(1);
    expect(await world.codeOf(newer.append(batchOf('b')))).toBe('no error');
  });

  it('of a stream nobody has published to yet creates its first segment', async () => {
    const world = new WriterWorld();
    const writer = await world.open(3);
    expect(writer.tail).toEqual({ page: 0, offset: 0, nextSequenceNumber: 0, timestamp: 0 });
    expect(await world.segments()).toEqual([0]);
  });

  it('by two contenders at once leaves only the higher epoch writing', async () => {
    const world = new WriterWorld();
    const [lower, higher] = await world.run(Promise.allSettled([world.opening(1), world.opening(2)]));
    expect(higher?.status).toBe('fulfilled');
    if (lower?.status === 'fulfilled') {
      expect(await world.codeOf(lower.value.append(batchOf('a')))).not.toBe('no error');
    }
    if (higher?.status === 'fulfilled') await world.run(higher.value.append(batchOf('b')));
    expect(await world.values()).toEqual(['b']);
  });

  it('finds the end of a long segment, whatever its length', async () => {
    const world = new WriterWorld();
    let writer = await world.open(1);
    let epoch = 1;
    const sizes = [1, 100, 5000, 300_000, 4_000_000, 1, 4_000_000, 4_000_000, 70_000, 1];
    for (const [index, size] of sizes.entries()) {
      await world.run(writer.append(largeBatch(`${index}`, size)));
      const before = writer.tail;
      epoch += 1;
      writer = await world.open(epoch);
      expect(writer.tail).toEqual(before);
    }
    expect((await world.values()).length).toBe(sizes.length);
  });

  it('gives up politely when a commit of a later epoch stands in a segment fenced with an earlier one', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(writer.append(batchOf('a')));
    const future = new WriterWorld();
    const other = await future.open(9);
    await future.run(other.append(batchOf('a')));
    await world.scribble(0, await future.bytesAt(0, other.tail.page));
    expect(await world.codeOf(world.opening(2))).toBe('damaged');
  });
});

describe('a torn write at the end', () => {
  const masks = Array.from({ length: 2 ** 5 - 1 }, (_, mask) => mask);

  it.each(masks)(
    'of which only some of five pages landed (%i) is cleared, and the log goes on there',
    async (mask) => {
      const world = new WriterWorld();
      const old = await world.open(1);
      await world.run(old.append(batchOf('whole')));
      const { page } = old.tail;
      await world.run(old.append(largeBatch('torn', 2048)));
      expect(old.tail.page - page).toBe(5);
      for (let n = 0; n < 5; n += 1) {
        if ((mask & (1 << n)) === 0) await unwrite(world, page + n);
      }
      const writer = await world.open(2);
      expect(writer.tail).toMatchObject({ page, nextSequenceNumber: 1 });
      for (let n = 0; n < 5; n += 1) expect(await isWritten(world, page + n)).toBe(false);
      await world.run(writer.append(batchOf('next')));
      expect(await world.values()).toEqual(['whole', 'next']);
    },
  );

  it('as the first of the stream leaves an empty stream', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    await world.run(old.append(largeBatch('torn', 3000)));
    await unwrite(world, 0);
    const writer = await world.open(2);
    expect(writer.tail).toEqual({ page: 0, offset: 0, nextSequenceNumber: 0, timestamp: 0 });
    await world.run(writer.append(batchOf('a')));
    expect(await world.values()).toEqual(['a']);
  });

  it.each([1, 2, 1000, 8000])('of the largest size is cleared when %i pages of it landed', async (pages) => {
    const world = new WriterWorld();
    const old = await world.open(1);
    await world.run(old.append(batchOf('whole')));
    const { page } = old.tail;
    await world.run(old.append(largeBatch('torn', 4_180_000)));
    await unwrite(world, page + pages, old.tail.page - page - pages);
    const writer = await world.open(2);
    expect(writer.tail.page).toBe(page);
    for (const left of [page, page + pages - 1]) expect(await isWritten(world, left)).toBe(false);
    await world.run(writer.append(batchOf('next')));
    expect(await world.values()).toEqual(['whole', 'next']);
  });

  it('is cleared though the answer to clearing is lost', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    await world.run(old.append(largeBatch('torn', 3000)));
    await unwrite(world, 2);
    const writer = await world.open(2, { faults: onCall('clearPages', 0, { kind: 'lose_answer' }) });
    await world.run(writer.append(batchOf('a')));
    expect(await world.values()).toEqual(['a']);
    expect(writer.stats.retries).toBe(0);
  });

  it('is cleared once: a late duplicate of the clearing touches nothing that was written since', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    await world.run(old.append(largeBatch('torn', 3000)));
    await unwrite(world, 2);
    const writer = await world.open(2, { faults: onCall('clearPages', 0, { kind: 'repeat', afterMs: 100 }) });
    await world.run(writer.append(batchOf('a')));
    await world.runtime.advance(1000);
    expect(await world.values()).toEqual(['a']);
    await world.run(writer.append(batchOf('b')));
    expect(await world.values()).toEqual(['a', 'b']);
  });

  it('is left to the newer leader when one fences the segment before it is cleared', async () => {
    const world = new WriterWorld();
    const old = await world.open(1);
    await world.run(old.append(largeBatch('torn', 3000)));
    await unwrite(world, 2);
    const opening = code(
      world.opening(2, { faults: onCall('clearPages', 0, { kind: 'delay', beforeMs: 500 }) }),
    );
    await world.runtime.advance(100);
    const newer = await world.open(3);
    await world.run(newer.append(batchOf('a')));
    expect(await world.run(opening)).toBe('not_leader');
    expect(await world.values()).toEqual(['a']);
  });
});

describe('damage at the end', () => {
  /** Ten commits of three pages each. */
  async function tenCommits() {
    const world = new WriterWorld();
    const writer = await world.open(1);
    for (let n = 0; n < 10; n += 1) await world.run(writer.append(largeBatch(`${n}`, 1200)));
    const headers = (await world.stored()).map(({ header }) => header);
    return { world, headers };
  }

  async function openingError(world: WriterWorld): Promise<unknown> {
    return await world.run(world.opening(2).catch((error: unknown) => error));
  }

  it.each([9, 8, 5, 1, 0])(
    'a single flipped bit in commit %i of ten is told from a torn write and named',
    async (number) => {
      const { world, headers } = await tenCommits();
      const header = headers[number];
      const page = header?.page ?? -1;
      for (const [n, bit] of [
        [0, 3],
        [0, 8 * 40 + 1],
        [0, 8 * 300],
        [1, 8 * 17],
        [2, 8 * 511],
        [2, 8 * 490],
      ] as const) {
        await flipBit(world, page + n, bit);
        expect(await openingError(world), `bit ${bit} of page ${n}`).toMatchObject({
          code: 'damaged',
          details: { offset: encodeOffset(page, 0) },
        });
        await flipBit(world, page + n, bit);
      }
      expect(await openingError(world)).not.toMatchObject({ code: 'damaged' });
    },
  );

  it('leaves everything as it was: nothing is cleared or written', async () => {
    const { world, headers } = await tenCommits();
    const page = headers[9]?.page ?? -1;
    await flipBit(world, page + 1, 77);
    const before = await world.bytesAt(0, page + 3);
    await openingError(world);
    expect(await world.bytesAt(0, page + 3)).toEqual(before);
  });

  it('a whole page of rubbish where a commit must start is damage, not the end', async () => {
    const { world, headers } = await tenCommits();
    const page = headers[9]?.page ?? -1;
    await world.scribble(page, new Uint8Array(512).fill(0xaa));
    expect(await openingError(world)).toMatchObject({
      code: 'damaged',
      details: { offset: encodeOffset(page, 0) },
    });
  });

  it('a commit of another stream is damage', async () => {
    const { world, headers } = await tenCommits();
    const page = headers[9]?.page ?? -1;
    const bytes = await world.bytesAt(page, 3);
    bytes[16] = (bytes[16] ?? 0) ^ 0xff;
    await world.scribble(page, bytes);
    expect(await openingError(world)).toMatchObject({ code: 'damaged' });
  });

  it('more behind a missing commit than one torn write can leave is damage', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(writer.append(batchOf('a')));
    const { page } = writer.tail;
    for (let n = 0; n < 3; n += 1) await world.run(writer.append(largeBatch(`${n}`, 2_000_000)));
    await unwrite(world, page);
    expect(await openingError(world)).toMatchObject({
      code: 'damaged',
      details: { offset: encodeOffset(page, 0) },
    });
  });
});
