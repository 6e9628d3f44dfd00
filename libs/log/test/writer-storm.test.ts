import { describe, expect, it } from 'vitest';
import { WriterStorm } from './support/writer-storm.ts';

const storms = 3;
const seedsEach = 15;

describe('writers in a storm of faults and elections', () => {
  it.each(Array.from({ length: storms }, (_, n) => n * seedsEach + 1))(
    `keep every acknowledged message once and in order, for ${seedsEach} seeds from %i on`,
    async (first) => {
      for (let seed = first; seed < first + seedsEach; seed += 1) {
        await new WriterStorm(seed).run().catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error });
        });
      }
    },
  );

  it('go the same way for the same seed', async () => {
    const logs: string[] = [];
    for (let run = 0; run < 2; run += 1) {
      const storm = new WriterStorm(42);
      await storm.run();
      const commits = await storm.world.stored();
      logs.push(JSON.stringify(commits.map(({ header, values }) => [header, values])));
    }
    expect(logs[0]).toBe(logs[1]);
  });
});
