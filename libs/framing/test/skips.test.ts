import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_PAGE, SKIP_LEVELS, type SkipSource, skipsAfter } from '../src/index.ts';
import { requireSkips, skipTarget } from '../src/skips.ts';
import { refusalOf } from './arbitrary.ts';

/** A stream's commits, each of the given number of pages. */
function chain(pageCounts: readonly number[]): SkipSource[] {
  const commits: SkipSource[] = [];
  let page = 0;
  for (const [number, pages] of pageCounts.entries()) {
    commits.push({ number, page, skips: skipsAfter(commits.at(-1)) });
    page += pages;
  }
  return commits;
}

const pageCounts = fc.array(fc.integer({ min: 1, max: 8192 }), { minLength: 1, maxLength: 700 });

/** Follows, from `start`, always the pointer that goes furthest without passing `target`; returns the steps it took. */
function stepsTo(commits: readonly SkipSource[], start: number, target: number): number {
  const byPage = new Map(commits.map((commit) => [commit.page, commit]));
  let here = commits[start];
  let steps = 0;
  while (here !== undefined && here.number > target) {
    const next: SkipSource[] = here.skips.flatMap((page) => byPage.get(page) ?? []);
    here = next.filter((commit) => commit.number >= target).toSorted((a, b) => a.number - b.number)[0];
    steps += 1;
  }
  expect(here?.number).toBe(target);
  return steps;
}

describe('skip pointers', () => {
  it('lead to the latest earlier commit whose number is divisible by 8^k', () => {
    fc.assert(
      fc.property(pageCounts, (counts) => {
        const commits = chain(counts);
        for (const { number, skips } of commits) {
          const expected = Array.from({ length: SKIP_LEVELS }, (_, level) => {
            const target = commits.findLast(
              (other) => other.number < number && other.number % 8 ** level === 0,
            );
            return target?.page ?? NO_PAGE;
          });
          expect(skips).toEqual(expected);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('are always accepted as possible for the commit they were made for', () => {
    fc.assert(
      fc.property(pageCounts, (counts) => {
        for (const commit of chain(counts)) requireSkips(commit, 0);
      }),
      { numRuns: 30 },
    );
  });

  it('are refused when any one of them is another page', () => {
    const commits = chain(Array.from({ length: 600 }, (_, index) => 1 + (index % 3)));
    fc.assert(
      fc.property(fc.constantFrom(...commits), fc.nat({ max: SKIP_LEVELS - 1 }), (commit, level) => {
        const wrong = commit.skips.with(level, (commit.skips[level] ?? 0) + commit.page + 1);
        expect(refusalOf(() => requireSkips({ ...commit, skips: wrong }, 0)).code).toBe('bad_skips');
      }),
    );
  });

  it('find any earlier commit in a number of reads that grows with the logarithm of the distance', () => {
    const commits = chain(Array.from({ length: 9000 }, () => 1));
    const position = fc.nat({ max: commits.length - 1 });
    fc.assert(
      fc.property(position, position, (a, b) => {
        const [target, start] = a < b ? [a, b] : [b, a];
        // At most seven steps down to each multiple of a power of 8 and seven up again.
        const levels = Math.ceil(Math.log(start - target + 1) / Math.log(8)) + 1;
        expect(stepsTo(commits, start, target)).toBeLessThanOrEqual(16 * levels);
      }),
      { numRuns: 50 },
    );
  });

  it('agree with the numbers alone: the commit each leads to can be computed', () => {
    const commits = chain(Array.from({ length: 600 }, (_, index) => 1 + (index % 5)));
    for (const { number, skips } of commits) {
      const pages = skips.map((_, level) => commits[skipTarget(number, level)]?.page ?? NO_PAGE);
      expect(skips).toEqual(pages);
    }
  });
});
