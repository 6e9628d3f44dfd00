import { encodeOffset } from '@message-vault/framing';
import { isStorageError, StorageError } from '@message-vault/storage';
import { describe, expect, test } from 'vitest';
import { iterateMessages, type StreamReader } from '../src/index.ts';
import { countingPages, failure, ReaderWorld } from './support/reader-world.ts';

/** What one call to storage takes here, in virtual milliseconds. */
const CALL_MS = 2;

async function atTail(messages = 1): Promise<{ world: ReaderWorld; reader: StreamReader; tail: number }> {
  const world = new ReaderWorld({ delayMs: () => CALL_MS / 2 });
  await world.log.appendMany(messages);
  const reader = world.reader();
  await world.run(world.values(reader));
  return { world, reader, tail: encodeOffset(world.log.page, 0) };
}

/** How long after it was stored a message is noticed by somebody who waits, for messages `everyMs` apart. */
async function noticeTimes(everyMs: number, hints: boolean): Promise<number[]> {
  const { world, reader } = await atTail();
  const times: number[] = [];
  for (let i = 0; i < 60; i += 1) {
    const waiting = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 600_000 });
    await world.runtime.advance(everyMs * (0.5 + world.runtime.random()));
    await world.log.append();
    const storedAt = world.runtime.monotonic();
    if (hints) reader.hint(world.log.page);
    expect(await world.run(waiting)).toBe(true);
    times.push(world.runtime.monotonic() - storedAt);
  }
  return times.sort((a, b) => a - b);
}

describe('waiting for growth', () => {
  test('is over at once when there is a message at the offset already', async () => {
    const { world, reader } = await atTail(3);
    world.counted.reset();
    expect(await world.run(reader.waitForGrowth(0, { timeoutMs: 10 }))).toBe(true);
    expect(world.counted.total()).toBe(0);
  });

  test('answers false when nothing came in time', async () => {
    const { world, reader, tail } = await atTail();
    expect(await world.run(reader.waitForGrowth(tail, { timeoutMs: 1000 }))).toBe(false);
    expect(world.runtime.monotonic()).toBeGreaterThanOrEqual(1000);
  });

  test("one past the last message of the last commit waits for the next commit's first", async () => {
    const { world, reader } = await atTail();
    const last = world.log.commits.at(-1);
    const past = encodeOffset(last?.page ?? 0, last?.messages ?? 0);
    expect(await world.run(reader.waitForGrowth(past, { timeoutMs: 50 }))).toBe(false);
    await world.log.append();
    expect(await world.run(reader.waitForGrowth(past, { timeoutMs: 50 }))).toBe(true);
  });

  test('an offset beyond the tail is refused', async () => {
    const { world, reader, tail } = await atTail();
    expect(await world.run(failure(reader.waitForGrowth(tail + 65_536, { timeoutMs: 50 })))).toMatchObject({
      code: 'offset_out_of_range',
    });
  });

  test.each([200, 1000])(
    'at a message every %d ms half of them are noticed within 25 ms, without any hint',
    async (everyMs) => {
      const times = await noticeTimes(everyMs, false);
      console.info(
        `a message every ${everyMs} ms: noticed after ${times[30]?.toFixed(1)} ms (p50), ${times[59]?.toFixed(1)} ms (most), calls of ${CALL_MS} ms`,
      );
      expect(times[30]).toBeLessThan(25);
    },
  );

  test('with hints every message is noticed by the next call to storage', async () => {
    const times = await noticeTimes(1000, true);
    expect(times.at(-1)).toBeLessThanOrEqual(2 * CALL_MS);
  });

  test('an idle stream is looked at ever more rarely, down to twice a second', async () => {
    const { world, reader, tail } = await atTail();
    const waiting = reader.waitForGrowth(tail, { timeoutMs: 10 * 60_000 });
    await world.runtime.advance(60_000);
    world.counted.reset();
    await world.runtime.advance(60_000);
    expect(world.counted.total()).toBeGreaterThanOrEqual(110);
    expect(world.counted.total()).toBeLessThanOrEqual(121);
    expect(world.counted.counts.notModified).toBeGreaterThan(100);
    await world.log.append();
    expect(await world.run(waiting)).toBe(true);
  });

  test('nobody waiting means no polling', async () => {
    const { world, reader, tail } = await atTail();
    const controller = new AbortController();
    const waits = [
      reader.waitForGrowth(tail, { timeoutMs: 1000 }),
      failure(reader.waitForGrowth(tail, { timeoutMs: 10_000, signal: controller.signal }).catch(named)),
    ];
    await world.runtime.advance(5000);
    controller.abort();
    await world.run(Promise.all(waits));
    await world.runtime.advance(1000);
    world.counted.reset();
    await world.runtime.advance(600_000);
    expect(world.counted.total()).toBe(0);
  });

  test('hints that keep being right make polling rarer, and it never ends', async () => {
    const { world, reader } = await atTail();
    for (let i = 0; i < 10; i += 1) {
      const waiting = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
      await world.runtime.advance(20);
      await world.log.append();
      reader.hint(world.log.page);
      await world.run(waiting);
    }
    const waiting = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 600_000 });
    world.counted.reset();
    await world.runtime.advance(10_000);
    expect(world.counted.total()).toBeGreaterThan(0);
    expect(world.counted.total()).toBeLessThanOrEqual(6);
    // Now hints are lost: it is found all the same, and polling is as eager as before.
    await world.log.append();
    expect(await world.run(waiting)).toBe(true);
    const next = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
    await world.runtime.advance(50);
    await world.log.append();
    const storedAt = world.runtime.monotonic();
    await world.run(next);
    expect(world.runtime.monotonic() - storedAt).toBeLessThan(25);
  });

  test('hints that lie do not make it look more often than at its fastest pace', async () => {
    const { world, reader, tail } = await atTail();
    const waiting = reader.waitForGrowth(tail, { timeoutMs: 1_000_000 });
    await world.runtime.advance(60_000);
    world.counted.reset();
    for (let i = 0; i < 1000; i += 1) {
      reader.hint(world.log.page + 1 + i * 1000);
      await world.runtime.advance(1);
    }
    // One second at one look in 8 ms; a hint far away costs a listing and a question for pages besides.
    expect(world.counted.total()).toBeLessThanOrEqual(3 * (1000 / 8));
    // Once in five seconds it looks without a condition, and may believe a lie then.
    expect(world.counted.counts.readBytes).toBeLessThan(5 * 1024 * 1024);
    await world.log.append();
    expect(await world.run(waiting)).toBe(true);
  });

  test('ten thousand who wait cost the storage what one does', async () => {
    const { world, reader, tail } = await atTail();
    world.counted.reset();
    const one = reader.waitForGrowth(tail, { timeoutMs: 30_000 });
    await world.runtime.advance(20_000);
    const alone = world.counted.total();
    await world.log.append();
    await world.run(one);
    await world.run(world.values(reader));
    const next = encodeOffset(world.log.page, 0);
    world.counted.reset();
    const many = Array.from({ length: 10_000 }, () => reader.waitForGrowth(next, { timeoutMs: 30_000 }));
    await world.runtime.advance(20_000);
    expect(Math.abs(world.counted.total() - alone)).toBeLessThanOrEqual(2);
    await world.log.append();
    expect(await world.run(Promise.all(many))).toEqual(Array.from({ length: 10_000 }, () => true));
  });

  test('a storage that does not answer is waited for', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    let down = false;
    const pages = { ...world.storage.pages };
    const flaky = countingPages({
      ...pages,
      readRange: (ref, range, options) =>
        down ? Promise.reject(new StorageError('unavailable', 'down')) : pages.readRange(ref, range, options),
    });
    const reader = world.reader({ pages: flaky.pages });
    await world.run(world.values(reader));
    const tail = encodeOffset(world.log.page, 0);
    const waiting = reader.waitForGrowth(tail, { timeoutMs: 120_000 });
    down = true;
    await world.runtime.advance(30_000);
    expect(await world.run(failure(reader.read({ from: tail, maxBytes: 1 })))).toMatchObject({
      code: 'storage_unavailable',
    });
    await world.log.append();
    down = false;
    expect(await world.run(waiting)).toBe(true);
  });

  test('refused access is told to those who wait', async () => {
    const world = new ReaderWorld();
    await world.log.append();
    let expired = false;
    const pages = { ...world.storage.pages };
    const reader = world.reader({
      pages: {
        ...pages,
        readRange: (ref, range, options) =>
          expired
            ? Promise.reject(new StorageError('unauthorized', 'expired'))
            : pages.readRange(ref, range, options),
      },
    });
    await world.run(world.values(reader));
    expired = true;
    const waiting = reader
      .waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 120_000 })
      .catch((error: unknown) => error);
    expect(isStorageError(await world.run(waiting), 'unauthorized')).toBe(true);
  });

  test('closing the reader ends all waiting, and nothing works any more', async () => {
    const { world, reader, tail } = await atTail();
    const waiting = failure(reader.waitForGrowth(tail, { timeoutMs: 60_000 }));
    await world.runtime.advance(100);
    reader.close();
    expect(await world.run(waiting)).toMatchObject({ code: 'closed' });
    const read = reader.read({ from: 0, maxBytes: 1 });
    expect(await world.run(failure(read))).toMatchObject({ code: 'closed' });
    expect(await world.run(failure(reader.bounds()))).toMatchObject({ code: 'closed' });
    const wait = reader.waitForGrowth(tail, { timeoutMs: 1 });
    expect(await world.run(failure(wait))).toMatchObject({ code: 'closed' });
    expect(world.cache.stats.keptBytes).toBe(0);
    await world.runtime.advance(CALL_MS);
    world.counted.reset();
    await world.runtime.advance(60_000);
    expect(world.counted.total()).toBe(0);
  });
});

describe('aborting', () => {
  test('any call ends at once with the reason of its signal, and others that share its work go on', async () => {
    const { world, reader } = await atTail(5);
    await world.log.append();
    const tail = encodeOffset(world.log.page - 1, 0);
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('enough');
    const aborted = [
      reader.read({ from: tail, maxBytes: 1, signal }),
      reader.bounds(signal),
      reader.resolve({ at: 'latest' }, signal),
      reader.waitForGrowth(tail, { timeoutMs: 1000, signal }),
    ].map((call) => call.catch((error: unknown) => error));
    const other = reader.read({ from: tail, maxBytes: 1 });
    controller.abort(reason);
    const before = world.runtime.monotonic();
    expect(await world.run(Promise.all(aborted))).toEqual([reason, reason, reason, reason]);
    expect(world.runtime.monotonic()).toBe(before);
    expect((await world.run(other)).commits).toHaveLength(1);
  });

  test('a signal that was aborted before the call ends it', async () => {
    const { world, reader, tail } = await atTail();
    const reason = new Error('never mind');
    const signal = AbortSignal.abort(reason);
    const call = reader.waitForGrowth(tail, { timeoutMs: 1000, signal }).catch((error: unknown) => error);
    expect(await world.run(call)).toBe(reason);
  });
});

describe('chasing the tail', () => {
  test('every message comes once and in order, across rolls, from the middle of a commit on', async () => {
    const { world, reader } = await atTail();
    const commit = await world.log.append({ batches: [2, 2] });
    const controller = new AbortController();
    const seen: number[] = [];
    const from = encodeOffset(commit.page, 1);
    const chase = (async () => {
      for await (const found of reader.tailCommits(from, controller.signal)) {
        for (const { sequenceNumber } of iterateMessages([found], from)) seen.push(sequenceNumber);
        if (seen.at(-1) === 104) return;
      }
    })();
    for (let i = 0; i < 100; i += 1) {
      await world.runtime.advance(world.runtime.rng.below(40));
      await world.log.append({ seals: i % 9 === 8 });
    }
    await world.run(chase);
    expect(seen).toEqual(Array.from({ length: 103 }, (_, i) => i + 2));
  });

  test('a thousand consumers at the tail cost the storage no more reads than ten do', async () => {
    const cost = async (consumers: number): Promise<number> => {
      const { world, reader, tail } = await atTail();
      const controller = new AbortController();
      const seen = new Array<number>(consumers).fill(0);
      const chases = seen.map(async (_, consumer) => {
        try {
          for await (const { header } of reader.tailCommits(tail, controller.signal)) {
            seen[consumer] = (seen[consumer] ?? 0) + header.messageCount;
          }
        } catch (error) {
          if (error !== controller.signal.reason) throw error;
        }
      });
      world.counted.reset();
      for (let i = 0; i < 50; i += 1) {
        await world.runtime.advance(100);
        await world.log.append();
      }
      await world.runtime.advance(1000);
      const reads = world.counted.total();
      controller.abort(new Error('enough'));
      await world.run(Promise.all(chases));
      expect(new Set(seen)).toEqual(new Set([50]));
      return reads;
    };
    const ten = await cost(10);
    const thousand = await cost(1000);
    console.info(`50 messages chased: ${ten} storage calls for 10 consumers, ${thousand} for 1,000`);
    expect(thousand).toBeLessThanOrEqual(ten);
  });

  test('a thousand equal reads at the tail at once cost two looks at most', async () => {
    const { world, reader, tail } = await atTail();
    world.counted.reset();
    await world.run(
      Promise.all(Array.from({ length: 1000 }, () => reader.read({ from: tail, maxBytes: 1000 }))),
    );
    expect(world.counted.total()).toBeLessThanOrEqual(2);
  });

  test('an outage of the storage is outlasted', async () => {
    const world = new ReaderWorld({ cacheBytes: 1 });
    await world.log.append();
    let down = false;
    const inner = world.storage.pages;
    const reader = world.reader({
      pages: {
        ...inner,
        readRange: (ref, range, options) =>
          down
            ? Promise.reject(new StorageError('unavailable', 'down'))
            : inner.readRange(ref, range, options),
      },
    });
    // The end is known and nothing is in memory: the first commit has to be read again.
    await world.run(world.values(reader));
    const commits = reader.tailCommits(0)[Symbol.asyncIterator]();
    down = true;
    const first = commits.next();
    await world.runtime.advance(30_000);
    down = false;
    expect((await world.run(first)).value?.header.number).toBe(0);
    down = true;
    const next = commits.next();
    await world.runtime.advance(30_000);
    await world.log.append();
    down = false;
    expect((await world.run(next)).value?.header.number).toBe(1);
    await commits.return?.();
  });
});

function named(error: unknown): never {
  throw Object.assign(new Error('aborted', { cause: error }), { code: 'aborted' });
}
