import { describe, expect, test } from 'vitest';
import type { SeedReport } from '../src/many/messages.ts';
import { runSeeds } from '../src/many/pool.ts';
import { plants } from '../src/plants/index.ts';
import type { Finding } from '../src/world/world.ts';

/** A bug that takes more seeds than this to be found would not be found by the seeds of every day. */
const WITHIN_SEEDS = { streams: 400, bus: 200, policies: 100 };
/** What a bug must be found by: a rule of the protocol, not a crash of whoever judges. */
const RULES =
  /^(I[1-8]|lost|duplicated|reordered|corrupt|unread|divergent|gap|disordered|failed-but-stored|two-leaders|epoch-back|claims|missed|unwanted|expired|vanished|outlived|overfull|two-takers|lock-broken|lock-deadline|settled-late|given-again|bodiless|paused)$/;

describe('a bug put in on purpose is found', () => {
  test.each(plants)(
    '$name: $says',
    async ({ name, profile = 'streams' }) => {
      const found: Finding[] = [];
      const onSeed = ({ findings }: SeedReport): boolean => {
        found.push(...findings.filter(({ rule }) => RULES.test(rule)));
        return found.length > 0;
      };
      await runSeeds({ from: 1, count: WITHIN_SEEDS[profile], plant: name, onSeed });
      expect(found.map(({ rule }) => rule)).not.toEqual([]);
    },
    600_000,
  );
});
