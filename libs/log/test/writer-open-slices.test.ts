import { expect, it } from 'vitest';
import { openWriter } from '../src/index.ts';
import { batchOf, WriterWorld } from './support/writer-world.ts';

it('opening a stream of many small commits lets others have their turn, again and again', async () => {
  const world = new WriterWorld();
  const first = await world.open(1);
  for (let n = 0; n < 400; n += 1) await world.run(first.append(batchOf('small')));
  await world.run(first.close());
  // Every look at the clock finds it a millisecond later, as if each step took that long.
  let looks = 0;
  let turns = 0;
  const runtime = {
    now: () => world.runtime.now(),
    random: () => world.runtime.random(),
    randomBytes: (count: number) => world.runtime.randomBytes(count),
    monotonic: () => {
      looks += 1;
      return world.runtime.monotonic() + looks;
    },
    setTimer: (delayMs: number, fire: () => void) => {
      if (delayMs === 0) turns += 1;
      return world.runtime.setTimer(delayMs, fire);
    },
  };
  const { pages, stream } = world;
  const writer = await world.run(openWriter({ pages, runtime, stream, leadership: world.leader(2) }));
  expect(writer.tail).toEqual(first.tail);
  expect(turns).toBeGreaterThan(50);
});
