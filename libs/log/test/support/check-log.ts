import { expect } from 'vitest';
import type { AppendResult } from '../../src/index.ts';
import type { WriterWorld } from './writer-world.ts';

/** What a producer was told: the value it published and the answer to it. */
export interface Acknowledged {
  readonly value: string;
  readonly answer: AppendResult;
}

/**
 * What holds of every log whatever happened to its writers: commits, sequence numbers and pages follow each other without
 * gap or overlap (I2), timestamps and epochs never decrease, nothing is stored twice (I5), and what was acknowledged is
 * there, where the answer says (I1).
 */
export async function checkLog(
  world: WriterWorld,
  acknowledged: readonly Acknowledged[] = [],
): Promise<string[]> {
  const commits = await world.stored();
  let before: (typeof commits)[number]['header'] | undefined;
  const places = new Map<number, string>();
  for (const { header, values } of commits) {
    if (before !== undefined) {
      expect(header.number).toBe(before.number + 1);
      expect(header.page).toBe(before.page + before.pages);
      expect(header.firstSequenceNumber).toBe(before.firstSequenceNumber + before.messageCount);
      expect(header.timestamp).toBeGreaterThanOrEqual(before.timestamp);
      expect(header.epoch).toBeGreaterThanOrEqual(before.epoch);
      expect(header.skips[0]).toBe(before.page);
    }
    before = header;
    values.forEach((value, index) => {
      places.set(header.firstSequenceNumber + index, value);
    });
  }
  for (const { value, answer } of acknowledged) expect(places.get(answer.firstSequenceNumber)).toBe(value);
  const values = [...places.values()];
  expect(new Set(values).size).toBe(values.length);
  return values;
}
