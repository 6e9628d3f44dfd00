import { expect } from 'vitest';
import type { AppendResult } from '../../src/index.ts';
import type { StoredCommitView, WriterWorld } from './writer-world.ts';

/** What a producer was told: the value it published and the answer to it. */
export interface Acknowledged {
  readonly value: string;
  readonly answer: AppendResult;
}

/**
 * What holds of every log whatever happened to its writers: commits, sequence numbers and pages follow each other without
 * gap or overlap (I2), timestamps and epochs never decrease, nothing is stored twice (I5), and what was acknowledged is
 * there, where the answer says (I1). Answers all values in order.
 */
export async function checkLog(
  world: WriterWorld,
  acknowledged: readonly Acknowledged[] = [],
): Promise<string[]> {
  const commits = await world.stored();
  const problems = commits.flatMap((commit, index) => breaks(commits[index - 1], commit));
  const places = new Map<number, string>();
  for (const { header, values } of commits) {
    values.forEach((value, index) => {
      places.set(header.firstSequenceNumber + index, value);
    });
  }
  for (const { value, answer } of acknowledged) {
    const there = places.get(answer.firstSequenceNumber);
    if (there !== value) problems.push(`${value} was acknowledged where ${there} is`);
  }
  const values = [...places.values()];
  if (new Set(values).size !== values.length) problems.push('a value is there twice');
  expect(problems).toEqual([]);
  return values;
}

function breaks(before: StoredCommitView | undefined, { header }: StoredCommitView): string[] {
  if (before === undefined) return [];
  const last = before.header;
  const rules: [string, boolean][] = [
    ['number', header.number === last.number + 1],
    ['page', header.page === last.page + last.pages],
    ['sequence number', header.firstSequenceNumber === last.firstSequenceNumber + last.messageCount],
    ['timestamp', header.timestamp >= last.timestamp],
    ['epoch', header.epoch >= last.epoch],
    ['skip pointer', header.skips[0] === last.page],
  ];
  return rules.filter(([, holds]) => !holds).map(([rule]) => `${rule} of commit ${header.number}`);
}
