import { encodeOffset } from '@message-vault/framing';
import { expect, test } from 'vitest';
import { ReaderWorld } from './support/reader-world.ts';

test('reading what a wait has found costs one call to storage, unless the reading has to be fresh', async () => {
  const world = new ReaderWorld();
  await world.log.append();
  const reader = world.reader();
  await world.run(world.values(reader));
  const tail = encodeOffset(world.log.page, 0);
  const waiting = reader.waitForGrowth(tail, { timeoutMs: 600_000 });
  await world.runtime.advance(1000);
  await world.log.append();
  world.counted.reset();
  reader.hint(world.log.page);
  expect(await world.run(waiting)).toBe(true);
  const read = { from: tail, maxBytes: 1_000_000 };
  const known = await world.run(reader.read({ ...read, fresh: false }));
  expect(known).toMatchObject({ upToDate: true, nextOffset: encodeOffset(world.log.page, 0) });
  expect(known.commits).toHaveLength(1);
  expect(world.counted.total()).toBe(1);
  await world.log.append();
  expect((await world.run(reader.read({ ...read, fresh: false }))).commits).toHaveLength(1);
  expect((await world.run(reader.read(read))).commits).toHaveLength(2);
});
