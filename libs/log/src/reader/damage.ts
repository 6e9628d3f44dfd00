import { type CommitHeader, MAX_COMMIT_BYTES, PAGE_BYTES } from '@message-vault/framing';
import type { PageSource } from './page-source.ts';
import type { SegmentIndex } from './segment-index.ts';
import { headerWithin, walkCommits } from './walk.ts';

/** A place where the next commit should be and none is. */
export interface BadPlace {
  readonly source: PageSource;
  readonly segments: SegmentIndex;
  readonly segment: number;
  readonly page: number;
  /** The header there, when that much is good. */
  readonly header: CommitHeader | undefined;
}

export type Verdict = 'not yet' | 'damaged' | 'good now';

/**
 * Tells "not written yet" from "damaged". A commit is only ever written after the one before it is there in full, so
 * once something valid is seen after the bad place, a second look at the place decides: good now → it was being
 * written a moment ago; still bad → it is damaged, and waiting would not help.
 */
export async function judgeBadPlace(place: BadPlace): Promise<Verdict> {
  if (!(await isFollowed(place))) return 'not yet';
  const again = await place.source.read(
    place.segment,
    place.page,
    place.header?.byteLength ?? MAX_COMMIT_BYTES,
  );
  if (again.status !== 'read') return 'not yet';
  const { streamId } = place.source.stream;
  const { commits, stop } = walkCommits({ bytes: again.bytes, page: place.page, streamId });
  // A good header of a longer commit than the one seen before: that one was torn, and another leader's took its place.
  return commits.length > 0 || stop.kind === 'partial' ? 'good now' : 'damaged';
}

async function isFollowed(place: BadPlace): Promise<boolean> {
  const segments = await place.segments.refresh();
  if ((segments.at(-1) ?? 0) > place.segment) return true;
  return place.header === undefined
    ? isFollowedSomewhere(place)
    : isFollowedAt(place, place.page + place.header.pages);
}

/** What lies within the commit's own body proves nothing, so only the page where it ends is looked at. */
async function isFollowedAt({ source, segment, page }: BadPlace, next: number): Promise<boolean> {
  const { streamId } = source.stream;
  const read = await source.read(segment, next, PAGE_BYTES);
  if (read.status !== 'read') return false;
  return headerWithin({ bytes: read.bytes, firstPage: next, streamId }, next)?.skips[0] === page;
}

/** Without a header the commit may be of any size: the next one, good in full, starts within the largest. */
async function isFollowedSomewhere({ source, segment, page }: BadPlace): Promise<boolean> {
  const { streamId } = source.stream;
  const firstPage = page + 1;
  const read = await source.read(segment, firstPage, MAX_COMMIT_BYTES);
  if (read.status !== 'read') return false;
  const { bytes } = read;
  for (let next = firstPage; (next - firstPage) * PAGE_BYTES < bytes.byteLength; next += 1) {
    if (headerWithin({ bytes, firstPage, streamId }, next)?.skips[0] !== page) continue;
    const rest = bytes.subarray((next - firstPage) * PAGE_BYTES);
    const { commits, stop } = walkCommits({ bytes: rest, page: next, streamId });
    if (commits.length > 0 || stop.kind === 'partial') return true;
  }
  return false;
}
