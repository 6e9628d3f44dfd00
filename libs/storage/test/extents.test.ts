import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Extents } from '../src/memory/extents.ts';

const pageCount = 24;

const steps = fc.array(
  fc.record({
    clear: fc.boolean(),
    first: fc.integer({ min: 0, max: pageCount - 1 }),
    pages: fc.integer({ min: 1, max: 8 }),
  }),
  { maxLength: 40 },
);

/** What `Extents` must equal: one byte per page, 0 = unwritten. */
function modelRanges(
  model: readonly number[],
  from: number,
  to: number,
): { offset: number; length: number }[] {
  const ranges: { offset: number; length: number }[] = [];
  for (let page = from; page < to; page++) {
    if (model[page] === 0) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === page * 512) last.length += 512;
    else ranges.push({ offset: page * 512, length: 512 });
  }
  return ranges;
}

describe('extents', () => {
  it('hold what a flat array of pages would, whatever is written over or cleared', () => {
    fc.assert(
      fc.property(steps, fc.nat(pageCount - 1), (actions, readFrom) => {
        const extents = new Extents();
        const model = new Array<number>(pageCount).fill(0);
        actions.forEach(({ clear, first, pages }, at) => {
          const stop = Math.min(pageCount, first + pages);
          const range = { offset: first * 512, length: (stop - first) * 512 };
          if (clear) extents.clear(range);
          else extents.write(range.offset, new Uint8Array(range.length).fill(at + 1));
          model.fill(clear ? 0 : at + 1, first, stop);
        });
        const range = { offset: readFrom * 512, length: (pageCount - readFrom) * 512 };
        expect(extents.ranges(range)).toEqual(modelRanges(model, readFrom, pageCount));
        const read = extents.read(range);
        expect([...read].every((byte, i) => byte === model[readFrom + Math.floor(i / 512)])).toBe(true);
      }),
    );
  });

  it('keep their own copy of what was written', () => {
    const extents = new Extents();
    const bytes = new Uint8Array(512).fill(1);
    extents.write(0, bytes);
    bytes.fill(2);
    extents.read({ offset: 0, length: 512 }).fill(3);
    expect(extents.read({ offset: 0, length: 512 })).toEqual(new Uint8Array(512).fill(1));
  });
});
