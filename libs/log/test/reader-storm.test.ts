import { sleep } from '@message-vault/runtime';
import { faultyStorage, randomFaults } from '@message-vault/storage';
import { describe, expect, test } from 'vitest';
import { ChunkCache, isLogError, iterateMessages, openReader, type StreamReader } from '../src/index.ts';
import { WriterStorm } from './support/writer-storm.ts';
import { textOf, type WriterWorld } from './support/writer-world.ts';

const SEEDS = 10;
const STEP_BYTES = 4096;

/** What one reader was told of each offset. A second answer for the same offset has to be the same (I3). */
class Told {
  readonly #values = new Map<number, string>();

  tell(offset: number, value: string): void {
    expect(this.#values.get(offset) ?? value, `offset ${offset} read again`).toBe(value);
    this.#values.set(offset, value);
  }

  get values(): string[] {
    return [...this.#values].sort(([a], [b]) => a - b).map(([, value]) => value);
  }
}

/** A reader with a bad connection of its own and little memory. */
function stormyReader(world: WriterWorld): StreamReader {
  const { runtime, storage, stream } = world;
  const faults = randomFaults(runtime, {
    refuse: 0.03,
    throttle: 0.02,
    loseAnswer: 0.02,
    delay: 0.3,
    hang: 0.005,
    maxMs: 60,
  });
  return openReader({
    pages: faultyStorage(storage, faults, { runtime }).pages,
    runtime,
    stream,
    cache: new ChunkCache({ maxBytes: 64 * 1024 }),
    settings: { readTimeoutMs: 500, firstReadBytes: 2048, chunkBytes: 8192 },
  });
}

async function chase(reader: StreamReader, told: Told, signal: AbortSignal): Promise<void> {
  try {
    for await (const commit of reader.tailCommits(0, signal)) {
      for (const { offset, value } of iterateMessages([commit])) told.tell(offset, textOf(value));
    }
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
}

/** From the beginning to the end, again and again; storage that does not answer is asked again. */
async function replayAgainAndAgain(
  world: WriterWorld,
  reader: StreamReader,
  told: Told,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(world.runtime, world.runtime.rng.below(300));
    await replay(reader, told).catch((error: unknown) => {
      if (!isLogError(error, 'storage_unavailable')) throw error;
    });
  }
}

async function replay(reader: StreamReader, told: Told): Promise<void> {
  for (let next = 0; ; ) {
    const { commits, nextOffset, upToDate } = await reader.read({ from: next, maxBytes: STEP_BYTES });
    for (const { offset, value } of iterateMessages(commits, next)) told.tell(offset, textOf(value));
    next = nextOffset;
    if (upToDate) return;
  }
}

describe('readers in a storm of leaders, faults and torn writes', () => {
  test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
    'seed %d: nobody reads anything that is not in the end, in its place, and nobody misses anything',
    async (seed) => {
      const storm = new WriterStorm(seed);
      const { world } = storm;
      const controller = new AbortController();
      const readers = [stormyReader(world), stormyReader(world), stormyReader(world)] as const;
      const told = [new Told(), new Told(), new Told()] as const;
      const reading = [
        chase(readers[0], told[0], controller.signal),
        chase(readers[1], told[1], controller.signal),
        replayAgainAndAgain(world, readers[2], told[2], controller.signal),
      ];
      const failed = Promise.all(reading).then(() => undefined);
      failed.catch(() => undefined);
      await storm.run();
      await world.runtime.advance(5000);
      controller.abort(new Error('the storm is over'));
      await world.run(failed);
      const stored = await world.values();
      for (const { values } of told) expect(values).toEqual(stored);
      for (const reader of readers) reader.close();
    },
  );
});
