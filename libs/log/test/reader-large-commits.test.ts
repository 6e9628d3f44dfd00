import { encodeOffset } from '@message-vault/framing';
import { expect, test } from 'vitest';
import { ReaderWorld } from './support/reader-world.ts';

test.each([true, false])(
  'a large commit among small ones is noticed as promptly as they are (hints: %s)',
  async (hints) => {
    const world = new ReaderWorld({ delayMs: () => 1 });
    await world.log.append();
    const reader = world.reader();
    await world.run(world.values(reader));
    const times: number[] = [];
    for (let count = 1; count <= 40; count++) {
      const waiting = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
      await world.runtime.advance(300);
      await world.log.append({ valueBytes: count % 10 === 0 ? 1_500_000 : 100 });
      const storedAt = world.runtime.monotonic();
      if (hints) reader.hint(world.log.page);
      expect(await world.run(waiting)).toBe(true);
      times.push(world.runtime.monotonic() - storedAt);
    }
    expect(Math.max(...times)).toBeLessThan(50);
  },
);

test.each([true, false])(
  'large commits are read about once by those who chase them (hints: %s)',
  async (hints) => {
    const world = new ReaderWorld({ delayMs: () => 1 });
    await world.log.append();
    const reader = world.reader();
    await world.run(world.values(reader));
    world.counted.reset();
    let stored = 0;
    for (let count = 0; count < 20; count++) {
      const waiting = reader.waitForGrowth(encodeOffset(world.log.page, 0), { timeoutMs: 60_000 });
      await world.runtime.advance(300);
      stored += (await world.log.append({ valueBytes: 500_000 + count * 50_000 })).bytes.byteLength;
      if (hints) reader.hint(world.log.page);
      await world.run(waiting);
    }
    expect(world.counted.counts.readBytes).toBeLessThan(stored * (hints ? 1.05 : 1.4));
  },
);
