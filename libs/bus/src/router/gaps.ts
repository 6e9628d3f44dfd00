import type { Gap } from './cursors-document.ts';
import type { StreamPlace } from './position.ts';

/** Gaps kept apart; those beyond are joined, with what lies between them. */
const MAX_GAPS = 64;

/** `gaps` with one more at their end, without those that end at or before `passed`. */
export function withGap(gaps: readonly Gap[], gap: Gap, passed: number): Gap[] {
  const kept = gaps.filter(({ to }) => to.offset > passed);
  const last = kept.at(-1);
  const joined = last !== undefined && (last.to.offset >= gap.from.offset || kept.length >= MAX_GAPS);
  if (last === undefined || !joined) return [...kept, gap];
  return [...kept.slice(0, -1), { from: last.from, to: gap.to }];
}

export function isIn(gaps: readonly Gap[], offset: number): boolean {
  return gaps.some(({ from, to }) => from.offset <= offset && offset < to.offset);
}

/** Parts of gaps at or behind a cursor. */
export function gapsBehind(gaps: readonly Gap[], cursor: StreamPlace): Gap[] {
  return gaps
    .filter(({ to }) => to.offset > cursor.offset)
    .map(({ from, to }) => ({ from: from.offset < cursor.offset ? cursor : from, to }));
}
