import type { PageSource } from './page-source.ts';

/** Written pages are counted in windows of this many: Azurite lists every single write in a window. */
const COUNT_PAGES = 512;

/** Whether `page` is the one after the last written one: one call. */
export async function isWrittenEnd(source: PageSource, segment: number, page: number): Promise<boolean> {
  return page > segment && (await source.writtenFrom(segment, page - 1, 2)) === 1;
}

/**
 * The page after the last written one of a segment: steps that double from `from` on, then halves, then one count.
 * `from` must be at or before the end.
 */
export async function findWrittenEnd(source: PageSource, segment: number, from: number): Promise<number> {
  let written = from;
  let unwritten = segment + (await source.capacity(segment));
  for (let step = COUNT_PAGES; from + step < unwritten; step *= 2) {
    if ((await source.writtenFrom(segment, from + step, 1)) === 0) unwritten = from + step;
    else written = from + step + 1;
  }
  while (unwritten - written > COUNT_PAGES) {
    const middle = Math.floor((written + unwritten) / 2);
    if ((await source.writtenFrom(segment, middle, 1)) === 0) unwritten = middle;
    else written = middle + 1;
  }
  if (unwritten <= written) return written;
  return written + (await source.writtenFrom(segment, written, unwritten - written));
}
