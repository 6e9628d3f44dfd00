import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Due, DueHeap } from '../src/index.ts';

const sorted = (items: readonly Due[]): Due[] => items.toSorted((a, b) => a.at - b.at || a.order - b.order);

it('what is put in comes out in order, also when some is dropped and more comes in meanwhile', () => {
  const times = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 });
  fc.assert(
    fc.property(times, times, fc.integer({ min: 2, max: 5 }), (first, second, every) => {
      const heap = new DueHeap<Due>();
      const items = [...first, ...second].map((at, order) => ({ at, order }));
      const kept = ({ order }: Due): boolean => order % every !== 0;
      for (const item of items.slice(0, first.length)) heap.push(item);
      heap.retain(kept);
      for (const item of items.slice(first.length)) heap.push(item);
      const expected = sorted([...items.slice(0, first.length).filter(kept), ...items.slice(first.length)]);
      expect(heap.first()).toBe(expected[0]);
      expect(Array.from({ length: heap.size }, () => heap.pop())).toEqual(expected);
      expect(heap.pop()).toBeUndefined();
    }),
  );
});

it('holds nothing once it is cleared', () => {
  const heap = new DueHeap<Due>();
  heap.push({ at: 1, order: 1 });
  heap.clear();
  expect(heap.size).toBe(0);
  expect(heap.first()).toBeUndefined();
});
