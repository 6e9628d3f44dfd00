import { type CommitHeader, decodeCommit, decodeOffset, FramingError } from '@message-vault/framing';
import { describe, expect, it } from 'vitest';
import { type LandedCommit, LogError, segmentRef } from '../src/index.ts';
import { batchOf, largeBatch, onCall, WriterWorld } from './support/writer-world.ts';

describe('append', () => {
  it('answers with where the messages are, and stores them there', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const first = await world.run(writer.append(batchOf(['a', 'b', 'c'])));
    const second = await world.run(writer.append(batchOf('d')));
    expect(first).toEqual({
      count: 3,
      firstOffset: 0,
      nextOffset: second.firstOffset,
      firstSequenceNumber: 0,
      timestamp: world.runtime.now(),
      duplicate: false,
    });
    expect(second.firstSequenceNumber).toBe(3);
    expect(decodeOffset(second.firstOffset).index).toBe(0);
    expect(await world.values()).toEqual(['a', 'b', 'c', 'd']);
    expect(writer.tail).toEqual({
      page: decodeOffset(second.nextOffset).page,
      offset: second.nextOffset,
      nextSequenceNumber: 4,
      timestamp: second.timestamp,
    });
  });

  it('puts batches published in one turn into one commit, and their offsets follow each other', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const answers = await world.run(
      Promise.all([
        writer.append(batchOf(['a', 'b'])),
        writer.append(batchOf('c')),
        writer.append(batchOf('d')),
      ]),
    );
    expect(answers.map((answer) => answer.firstOffset)).toEqual([0, 2, 3]);
    expect(answers.map((answer) => answer.nextOffset).slice(0, 2)).toEqual([2, 3]);
    expect(answers[2]?.nextOffset).toBe(writer.tail.offset);
    expect(writer.stats).toMatchObject({ commits: 1, batches: 3, messages: 4 });
  });

  it('sends the first batch at once and gathers what comes while it is in flight', async () => {
    const world = new WriterWorld();
    const slow = { kind: 'delay', beforeMs: 50 } as const;
    const writer = await world.open(1, {
      faults: ({ operation }) => (operation === 'pages.writePages' ? slow : undefined),
    });
    const first = writer.append(batchOf('first'));
    await world.runtime.advance(10);
    const later = ['a', 'b', 'c'].map((value) => writer.append(batchOf(value)));
    await world.run(Promise.all([first, ...later]));
    const commits = await world.stored();
    expect(commits.map(({ values }) => values)).toEqual([['first'], ['a', 'b', 'c']]);
  });

  it('makes as many commits as it takes when the batches are too large for one', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const appends = [0, 1, 2, 3, 4].map((n) => writer.append(largeBatch(`n${n}`, 1_500_000)));
    await world.run(Promise.all(appends));
    expect((await world.stored()).map(({ header }) => header.batchCount)).toEqual([2, 2, 1]);
  });

  it('never puts more messages into a commit than an offset can tell apart', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const many = Array.from({ length: 16_384 }, () => '');
    await world.run(Promise.all(Array.from({ length: 5 }, () => writer.append(batchOf(many)))));
    const counts = (await world.stored()).map(({ header }) => header.messageCount);
    expect(counts).toEqual([3 * 16_384, 2 * 16_384]);
  });

  it('numbers commits, sequence numbers and skip pointers without a gap over many commits', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    for (let n = 0; n < 150; n += 1) await world.run(writer.append(batchOf(`${n}`)));
    const commits = await world.stored();
    expect(commits.map(({ header }) => header.number)).toEqual(commits.map((_, index) => index));
    expect(commits.map(({ header }) => header.firstSequenceNumber)).toEqual(commits.map((_, index) => index));
    const pageOf = (number: number): number => commits[number]?.header.page ?? -1;
    const last = commits.at(-1)?.header;
    expect(last?.skips.slice(0, 4)).toEqual([pageOf(148), pageOf(144), pageOf(128), pageOf(0)]);
  });

  it('never lets timestamps decrease, whatever the wall clock does', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const hour = 3_600_000;
    const timestamps: number[] = [];
    for (const offset of [0, hour, -hour, 0, 2 * hour]) {
      world.runtime.wallOffsetMs = offset;
      timestamps.push((await world.run(writer.append(batchOf('x')))).timestamp);
    }
    const start = timestamps[0] ?? 0;
    expect(timestamps.map((timestamp) => timestamp - start)).toEqual([0, hour, hour, hour, 2 * hour]);
  });

  it('tells onCommit of every commit once it is durable, with its bytes and versions', async () => {
    const world = new WriterWorld();
    const told: { page: number; header: CommitHeader }[] = [];
    const versions: string[] = [];
    const onCommit = (page: number, commit: LandedCommit | undefined): void => {
      if (commit === undefined) return;
      told.push({ page, header: decodeCommit(commit.bytes).header });
      versions.push(commit.versionBefore, commit.version);
    };
    const writer = await world.open(1, { onCommit });
    await world.run(writer.append(batchOf('a')));
    await world.run(writer.append(batchOf('b')));
    const stored = (await world.stored()).map(({ header }) => ({ page: header.page + header.pages, header }));
    expect(told).toEqual(stored);
    const { etag } = await world.pages.segmentProperties(segmentRef(world.stream, 0));
    expect(versions[3]).toBe(etag);
    expect(versions[2]).toBe(versions[1]);
    expect(new Set(versions).size).toBe(3);
  });
});

describe('what append refuses', () => {
  it('refuses bytes that are not a batch, and leaves the log untouched', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const broken = batchOf('hello');
    broken[broken.length - 1] = 0;
    await expect(world.run(writer.append(broken))).rejects.toBeInstanceOf(FramingError);
    await expect(world.run(writer.append(new Uint8Array(3)))).rejects.toBeInstanceOf(FramingError);
    expect(await world.values()).toEqual([]);
    expect(writer.tail.page).toBe(0);
  });

  it('refuses a batch that is larger than a commit may be', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { maxCommitBytes: 64 * 1024, maxProducers: 64 } });
    expect(await world.codeOf(writer.append(largeBatch('x', 70_000)))).toBe('too_large');
    expect(await world.codeOf(writer.append(largeBatch('x', 60_000)))).toBe('no error');
  });

  it('refuses with a time to come back when the queue is full, and takes nothing of that batch', async () => {
    const world = new WriterWorld();
    const slow = { kind: 'delay', beforeMs: 200 } as const;
    const writer = await world.open(1, {
      settings: { maxQueueBatches: 3, maxQueueBytes: 1000 },
      faults: ({ operation }) => (operation === 'pages.writePages' ? slow : undefined),
    });
    const first = writer.append(batchOf('in flight'));
    await world.runtime.advance(1);
    const queued = [1, 2, 3].map((n) => writer.append(batchOf(`queued ${n}`)));
    const refused = await world.run(writer.append(batchOf('one too many')).catch((error: unknown) => error));
    expect(refused).toBeInstanceOf(LogError);
    expect(refused).toMatchObject({ code: 'queue_full', details: { retryAfterMs: expect.any(Number) } });
    await world.run(Promise.all([first, ...queued]));
    expect(await world.values()).toEqual(['in flight', 'queued 1', 'queued 2', 'queued 3']);
    expect(await world.codeOf(writer.append(batchOf('now there is room')))).toBe('no error');
  });

  it('bounds the queue by bytes too', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings: { maxQueueBytes: 5000 } });
    const appends = [1, 2, 3].map((n) => world.codeOf(writer.append(largeBatch(`${n}`, 2000))));
    expect(await Promise.all(appends)).toEqual(['no error', 'no error', 'queue_full']);
    expect(writer.stats).toMatchObject({ queuedBatches: 0, queuedBytes: 0 });
  });
});

describe('compare and append', () => {
  it('stores only if the number given is the next one, and names the real one if not', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(writer.append(batchOf(['a', 'b']), { expectedSequenceNumber: 0 }));
    const refused = await world.run(
      writer.append(batchOf('late'), { expectedSequenceNumber: 1 }).catch((error: unknown) => error),
    );
    expect(refused).toMatchObject({ code: 'sequence_mismatch', details: { expectedSequenceNumber: 2 } });
    expect(await world.values()).toEqual(['a', 'b']);
  });

  it('lets exactly one of two publishers that race on one number win', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    const race = ['one', 'two'].map((value) =>
      world.codeOf(writer.append(batchOf(value), { expectedSequenceNumber: 0 })),
    );
    expect(await Promise.all(race)).toEqual(['no error', 'sequence_mismatch']);
    expect(await world.values()).toEqual(['one']);
  });

  it('counts batches that are in flight and in the queue', async () => {
    const world = new WriterWorld();
    const slow = { kind: 'delay', beforeMs: 50 } as const;
    const writer = await world.open(1, { faults: onCall('writePages', 0, slow) });
    const first = writer.append(batchOf(['a', 'b']));
    await world.runtime.advance(1);
    const second = writer.append(batchOf('c'));
    const third = await world.run(
      writer.append(batchOf('x'), { expectedSequenceNumber: 2 }).catch((error: unknown) => error),
    );
    expect(third).toMatchObject({ details: { expectedSequenceNumber: 3 } });
    const fourth = writer.append(batchOf('d'), { expectedSequenceNumber: 3 });
    await world.run(Promise.all([first, second, fourth]));
    expect(await world.values()).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('close', () => {
  it('stores what was taken in, then refuses', async () => {
    const world = new WriterWorld();
    const slow = { kind: 'delay', beforeMs: 50 } as const;
    const writer = await world.open(1, { faults: onCall('writePages', 0, slow) });
    const appends = [writer.append(batchOf('a'))];
    await world.runtime.advance(1);
    appends.push(writer.append(batchOf('b')));
    const closed = writer.close();
    expect(await world.codeOf(writer.append(batchOf('too late')))).toBe('closed');
    await world.run(closed);
    await Promise.all(appends);
    expect(await world.values()).toEqual(['a', 'b']);
    expect(await world.codeOf(writer.append(batchOf('much too late')))).toBe('closed');
  });

  it('may be called twice, and on a writer that was never used', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1);
    await world.run(Promise.all([writer.close(), writer.close()]));
    await world.run(writer.close());
    expect(await world.values()).toEqual([]);
  });
});
