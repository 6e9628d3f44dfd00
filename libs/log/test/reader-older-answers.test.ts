import { encodeOffset } from '@message-vault/framing';
import { expect, test } from 'vitest';
import type { StreamReader } from '../src/index.ts';
import { ReaderWorld } from './support/reader-world.ts';

/** A reader at the tail, whose storage can be told to answer blank pages with the newest ETag. */
async function pairing(): Promise<{
  world: ReaderWorld;
  reader: StreamReader;
  answerOld(old: boolean): void;
}> {
  const world = new ReaderWorld();
  await world.log.append();
  const inner = world.storage.pages;
  let stale: Uint8Array | undefined;
  const reader = world.reader({
    pages: {
      ...inner,
      readRange: async (ref, range, options) => {
        const read = await inner.readRange(ref, range, options);
        return read.status === 'read' && stale !== undefined ? { ...read, bytes: stale } : read;
      },
    },
  });
  await world.run(world.values(reader));
  return {
    world,
    reader,
    answerOld: (old) => {
      stale = old ? new Uint8Array(16 * 1024) : undefined;
    },
  };
}

test('an answer that pairs older bytes with a newer ETag makes a message late, it does not lose it', async () => {
  const { world, reader, answerOld } = await pairing();
  const waiting = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
  await world.log.append();
  answerOld(true);
  await world.runtime.advance(100);
  answerOld(false);
  const before = world.runtime.monotonic();
  expect(await world.run(waiting)).toBe(true);
  expect(world.runtime.monotonic() - before).toBeLessThan(6000);
});

test('what was stored before a read is read, although the answer before came with a newer ETag than its bytes', async () => {
  const world = new ReaderWorld();
  await world.log.append();
  const inner = world.storage.pages;
  let meanwhile: (() => Promise<unknown>) | undefined;
  const reader = world.reader({
    pages: {
      ...inner,
      readRange: async (ref, range, options) => {
        const read = await inner.readRange(ref, range, options);
        if (read.status !== 'read' || meanwhile === undefined) return read;
        const write = meanwhile;
        meanwhile = undefined;
        await write();
        const newer = await inner.readRange(ref, range);
        return newer.status === 'read' ? { ...read, etag: newer.etag } : read;
      },
    },
  });
  await world.run(world.values(reader));
  await world.log.append();
  meanwhile = () => world.log.append();
  expect(await world.run(world.values(reader))).toHaveLength(2);
  expect(await world.run(world.values(reader))).toHaveLength(3);
});
