import { describe, expect, it } from 'vitest';
import { type Ending, failover, type Outcome } from './support/failover.ts';

/** What must hold whatever happened; each line a way in which it did not. */
function problemsOf(outcome: Outcome): string[] {
  const { acknowledged, intake, copied, queued, members, answered, deadLetters } = outcome;
  const problems: string[] = [];
  for (const value of acknowledged)
    if (!intake.includes(value)) problems.push(`${value} was lost at the door`);
  if (copied.join() !== intake.join()) problems.push(`the stream has ${copied} of ${intake}`);
  for (const value of intake) if (!queued.includes(value)) problems.push(`${value} is not in the queue`);
  for (const value of intake) {
    const had = Object.entries(members).filter(([, values]) => values.includes(value));
    if (had.length > 1) problems.push(`${value} was given to ${had.map(([name]) => name).join(' and ')}`);
    if (had.length === 0 && !answered.includes(value) && !deadLetters.includes(value))
      problems.push(`${value} was given to nobody`);
  }
  const { stream = [] } = members;
  if (new Set(stream).size !== stream.length)
    problems.push(`the stream of one has something twice: ${stream}`);
  return problems;
}

const endings: readonly Ending[] = ['frozen', 'cut_off', 'answers_lost'];

describe.each(endings)('a leader that goes %s', (ending) => {
  it('at any of its storage calls loses nothing, and nothing is twice in a stream or with two of one', async () => {
    const { calls } = await failover(Number.POSITIVE_INFINITY, ending);
    const bad: string[] = [];
    // Each ending takes every third call, together they take all of them.
    for (let at = endings.indexOf(ending); at <= calls; at += endings.length) {
      const problems = problemsOf(await failover(at, ending));
      if (problems.length > 0) bad.push(`at call ${at}: ${problems.slice(0, 3).join('; ')}`);
    }
    expect(bad).toEqual([]);
  }, 240_000);
});

it('a storm of failing, late and repeated storage calls loses nothing either, nor does it bring anything twice', async () => {
  const bad: string[] = [];
  for (let seed = 1; seed <= 40; seed += 1) {
    const problems = problemsOf(await failover(60, 'in_a_storm', seed));
    if (problems.length > 0) bad.push(`seed ${seed}: ${problems.slice(0, 3).join('; ')}`);
  }
  expect(bad).toEqual([]);
}, 240_000);
