import { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, it } from 'vitest';
import { defaultElectionSettings as settings } from '../src/index.ts';
import { Turn } from '../src/turn.ts';

/** The waits after terms of these lengths, each deposed at once when it is its turn again. */
async function waitsAfter(terms: readonly number[]): Promise<number[]> {
  const runtime = new VirtualRuntime();
  const turn = new Turn({ runtime, settings, wantsToLead: true });
  const waits: number[] = [];
  for (const termMs of terms) {
    turn.deposed(termMs);
    waits.push(turn.inMs);
    await runtime.advance(turn.inMs);
    expect(turn.isMine).toBe(true);
  }
  return waits;
}

function between(waits: readonly number[], baseMs: readonly number[]): void {
  waits.forEach((waitMs, at) => {
    const leastMs = baseMs[at] ?? Number.NaN;
    expect(waitMs).toBeGreaterThanOrEqual(leastMs);
    expect(waitMs).toBeLessThanOrEqual(2 * leastMs);
  });
}

describe('a leader that was deposed', () => {
  it('stays back twice as long after every further short term, up to a limit', async () => {
    between(await waitsAfter([1000, 1000, 1000, 1000]), [1000, 2000, 4000, 8000]);
    const waits = await waitsAfter(Array.from({ length: 12 }, () => 100));
    expect(Math.max(...waits)).toBeLessThanOrEqual(2 * settings.maxBackoffMs);
  });

  it('does not stay back any longer after terms of some seconds, however many: the other may be gone for good', async () => {
    between(await waitsAfter([7000, 7000, 7000, 7000, 7000]), [1000, 1000, 1000, 1000, 1000]);
  });

  it('is forgiven after a long term', async () => {
    between(await waitsAfter([1000, 1000, 60_000, 1000]), [1000, 2000, 1000, 1000]);
  });
});
