import { describe, expect, it } from 'vitest';
import { WriterStorm } from './support/writer-storm.ts';

/** How many storms; more of them by setting this in a run by hand. */
const seeds = 150;

describe('writers in a storm of faults and elections', () => {
  it(`keep every acknowledged message once and in order, for ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      await new WriterStorm(seed).run().catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error });
      });
    }
  });

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
