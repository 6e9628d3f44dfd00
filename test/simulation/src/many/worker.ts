/** Runs seeds for `pool.ts`, one after the other, and reports each: a process of its own, so that every core has one. */
import { plantNamed } from '../plants/index.ts';
import { simulate } from '../run/simulate.ts';
import type { Assignment, SeedReport } from './messages.ts';

async function run({ from, count, plant, profile }: Assignment): Promise<void> {
  for (let seed = from; seed < from + count; seed += 1) {
    const { digest, findings, counts } = await simulate(seed, { plant: plantNamed(plant), profile });
    const report: SeedReport = { seed, digest, findings, counts };
    process.send?.(report);
  }
  process.send?.('done');
}

process.on('message', (assignment: Assignment) => void run(assignment));
process.once('disconnect', () => process.exit());
