import { type CommitHeader, NO_PAGE } from '@message-vault/framing';
import type { HeaderSearch } from './headers.ts';

export interface SeekOptions {
  /** A commit at or after the one looked for. */
  readonly from: CommitHeader;
  /** True for every commit up to the one looked for, false for every one after it. */
  readonly upTo: (header: CommitHeader) => boolean;
  readonly headers: HeaderSearch;
  /** What begins before this page has been deleted by retention. */
  readonly earliestPage: number;
}

/**
 * The last commit `upTo` holds for, found backwards through the skip pointers; undefined when it holds for none that
 * is still stored. At most eight small reads for each power of eight in the number of commits.
 *
 * From a commit that is too late, the farthest pointer that still leads to one that is too late is taken, again and
 * again, then the next nearer pointer: like the hands of a clock, from hours to seconds.
 */
export async function seekBack({
  from,
  upTo,
  headers,
  earliestPage,
}: SeekOptions): Promise<CommitHeader | undefined> {
  if (upTo(from)) return from;
  let late = from;
  let found: CommitHeader | undefined;
  for (let level = from.skips.length - 1; level >= 0; level -= 1) {
    for (;;) {
      const page = late.skips[level] ?? NO_PAGE;
      if (page === NO_PAGE || page < earliestPage || (found !== undefined && page <= found.page)) break;
      const header = await headers.at(page);
      if (header === undefined) break;
      if (upTo(header)) {
        found = header;
        break;
      }
      late = header;
    }
  }
  return found;
}
