import { PAGE_BYTES } from '@message-vault/framing';
import type { PageSource } from './page-source.ts';
import type { SegmentIndex } from './segment-index.ts';

/** A place where nothing is written, although the log goes on there if it goes on. */
export interface BlankPlace {
  readonly source: PageSource;
  readonly segments: SegmentIndex;
  readonly segment: number;
  readonly page: number;
}

/** `here`: the log ends there, for now. `go on`: there may be more by now. Or in which segment it ends. */
export type BlankVerdict = 'here' | 'go on' | { readonly endsIn: number };

/**
 * Nothing is written there yet, unless the segment is a ghost (docs/protocol.md): while nobody looked, the stream went
 * on, and retention deleted what was read. In a real segment something stands before the page, or it is the newest.
 */
export async function judgeBlankPlace({
  source,
  segments,
  segment,
  page,
}: BlankPlace): Promise<BlankVerdict> {
  if (page > segment) {
    const before = await source.read(segment, page - 1, PAGE_BYTES);
    if (before.status === 'read' && before.bytes.some((byte) => byte !== 0)) return 'here';
  }
  const newest = (await segments.refresh()).at(-1) ?? 0;
  if (newest <= segment) return 'here';
  return (await source.contents(segment)) === 'something' ? 'go on' : { endsIn: newest };
}
