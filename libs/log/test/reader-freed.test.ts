import { decodeCommit } from '@message-vault/framing';
import { systemRuntime } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import type { PageStore } from '@message-vault/storage';
import { expect, test } from 'vitest';
import {
  ChunkCache,
  openReader,
  type ReadResult,
  type StoredCommit,
  type StreamReader,
} from '../src/index.ts';
import { endlessPages } from './support/endless-pages.ts';
import { ReaderWorld, STREAM } from './support/reader-world.ts';

const MIB = 1024 * 1024;
const COMMIT_BYTES = 3 * MIB;
const COUNT = 40;

interface Watched {
  readonly reader: StreamReader;
  /** Behind the bytes of every read, in their order. */
  readonly buffers: ArrayBufferLike[];
}

async function watched(cacheBytes = 16 * MIB): Promise<Watched> {
  const inner = await endlessPages(new ReaderWorld(), COMMIT_BYTES, COUNT);
  const buffers: ArrayBufferLike[] = [];
  const pages: PageStore = {
    ...inner,
    readRange: async (...call) => {
      const read = await inner.readRange(...call);
      if (read.status === 'read') buffers.push(read.bytes.buffer);
      return read;
    },
  };
  const cache = new ChunkCache({ maxBytes: cacheBytes });
  return { reader: openReader({ pages, runtime: systemRuntime, stream: STREAM, cache }), buffers };
}

function freed({ buffers }: Watched): number {
  return buffers.filter(({ byteLength }) => byteLength === 0).length;
}

/** Throws unless every byte is as it was stored. */
function requireWhole(commits: readonly StoredCommit[]): void {
  for (const { bytes, header } of commits) expect(decodeCommit(bytes).header).toEqual(header);
}

async function replay(reader: StreamReader, look: (read: ReadResult) => void | Promise<void>): Promise<void> {
  let commits = 0;
  for (let next = 0; ; ) {
    const read = await reader.read({ from: next, maxBytes: MIB });
    commits += read.commits.length;
    next = read.nextOffset;
    const done = read.upToDate;
    await look(read);
    if (done) break;
  }
  expect(commits).toBe(COUNT);
}

test('the memory of what a replay has given back is free when the cache lets go of it', async () => {
  const watch = await watched();
  await replay(watch.reader, (read) => read.release());
  const left = watch.buffers.length - freed(watch);
  // What the cache keeps, and what is read only to find the end.
  expect(left).toBeLessThanOrEqual(10);
  expect(watch.buffers.length).toBeGreaterThan(2 * left);
});

test('what was not given back stays whole, for as long as anybody has it', async () => {
  const watch = await watched();
  const held: ReadResult[] = [];
  await replay(watch.reader, (read) => void held.push(read));
  for (const { commits } of held) requireWhole(commits);
});

test('given back twice counts once', async () => {
  const watch = await watched();
  const other = await watch.reader.read({ from: 0, maxBytes: MIB });
  await replay(watch.reader, (read) => {
    read.release();
    read.release();
  });
  requireWhole(other.commits);
  other.release();
});

test('replays side by side find whole what they look at, however small the cache and whoever is done with it', async () => {
  const { rng } = new VirtualRuntime({ seed: 7 });
  const pause = async (): Promise<void> => {
    for (let turns = rng.below(6); turns > 0; turns -= 1) await new Promise(setImmediate);
  };
  const watch = await watched(9 * MIB);
  const consumers = Array.from({ length: 6 }, (_, index) =>
    replay(watch.reader, async (read) => {
      await pause();
      requireWhole(read.commits);
      if (index > 0) read.release();
      if (rng.chance(0.2)) await pause();
    }),
  );
  await Promise.all(consumers);
  expect(freed(watch)).toBeGreaterThan(0);
});
