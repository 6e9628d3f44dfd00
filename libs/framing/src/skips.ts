import { FramingError } from './errors.ts';
import { NO_PAGE } from './limits.ts';

/** Skip pointers per commit: k = 0 … 7. */
export const SKIP_LEVELS = 8;
const SKIP_BASE = 8;

/** What of a commit the next one's skip pointers depend on. */
export interface SkipSource {
  readonly number: number;
  readonly page: number;
  readonly skips: readonly number[];
}

/**
 * The skip pointers of the commit after `previous`: for k = 0 … 7 the page of the latest earlier commit whose number
 * is divisible by 8^k. `undefined` stands for "there is none before it": all NO_PAGE.
 */
export function skipsAfter(previous: SkipSource | undefined): number[] {
  return Array.from({ length: SKIP_LEVELS }, (_, level) => {
    if (previous === undefined) return NO_PAGE;
    return previous.number % SKIP_BASE ** level === 0 ? previous.page : (previous.skips[level] ?? NO_PAGE);
  });
}

/** The number of the commit that skip pointer `level` of commit `number` leads to; -1 when there is none. */
export function skipTarget(number: number, level: number): number {
  if (number === 0) return -1;
  const step = SKIP_BASE ** level;
  return Math.floor((number - 1) / step) * step;
}

/**
 * Refuses skip pointers that cannot be right for a commit of this number at this page: commit 0 has none, every other
 * has all eight, each before its own page; two are equal exactly when they lead to the same commit.
 * `at` is where the first pointer stands.
 */
export function requireSkips(commit: SkipSource, at: number): void {
  if (commit.skips.length !== SKIP_LEVELS) {
    throw new FramingError(
      'bad_skips',
      at,
      `expected ${SKIP_LEVELS} skip pointers, got ${commit.skips.length}`,
    );
  }
  let before = commit.page;
  let beforeTarget = commit.number;
  commit.skips.forEach((page, level) => {
    const target = skipTarget(commit.number, level);
    if (!isPossible({ page, target, before, beforeTarget })) {
      throw new FramingError(
        'bad_skips',
        at + level * 8,
        `skip pointer ${level} of commit ${commit.number} is ${page}`,
      );
    }
    before = page;
    beforeTarget = target;
  });
}

function isPossible(skip: { page: number; target: number; before: number; beforeTarget: number }): boolean {
  if (skip.target < 0) return skip.page === NO_PAGE;
  if (skip.target === skip.beforeTarget) return skip.page === skip.before;
  // A commit takes at least a page, so n commits further back is at least n pages further back.
  return skip.page >= skip.target && skip.page <= skip.before - (skip.beforeTarget - skip.target);
}
