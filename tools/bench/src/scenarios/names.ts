import { setTimeout as pause } from 'node:timers/promises';
import { request } from 'undici';
import type { Lab } from '../lab.ts';
import { fixed, median, type Row } from '../report.ts';
import type { BenchOptions } from '../scenario.ts';

const AT_ONCE = 16;
const LISTINGS = 9;
const CHANGES = 10;
const PATIENCE_MS = 30_000;

/** Listing a thousand names with policies, and the time until a changed policy is in force on another node. */
export async function namesAndPolicies(lab: Lab, options: BenchOptions): Promise<Row[]> {
  const client = lab.client();
  const count = options.quick ? 100 : 1000;
  for (let at = 0; at < count; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, index) => at + index);
    await Promise.all(
      some.map((index) =>
        client.name(`bench/names/${index}`).assign({ role: 'queue', lockDuration: 'PT30S' }),
      ),
    );
  }
  return [await listing(lab, count), await spreading(lab)];
}

async function listing(lab: Lab, count: number): Promise<Row> {
  const took: number[] = [];
  for (let turn = 0; turn < LISTINGS; turn++) {
    const startedAt = performance.now();
    const { body } = await request(`${lab.readerUrl}/-/names?prefix=bench/names/&limit=1000`);
    const { names } = (await body.json()) as { names: unknown[] };
    took.push(performance.now() - startedAt);
    if (names.length !== count) throw new Error(`${names.length} names were listed instead of ${count}`);
  }
  return {
    what: `listing ${count} names with policies, at a node that did not make them, p50 (the first: ${fixed(took[0] ?? Number.NaN, 0)} ms)`,
    ours: `${fixed(median(took), 0)} ms`,
    against: '–',
    result: `${fixed(median(took), 0)} ms`,
    goal: '< 200 ms',
    met: median(took) < 200,
  };
}

async function spreading(lab: Lab): Promise<Row> {
  const master = lab.client();
  const reader = lab.client({ urls: [lab.readerUrl] });
  const took: number[] = [];
  for (let turn = 1; turn <= CHANGES; turn++) {
    await master.name('bench/names/7').change({ maxDequeueRetries: turn });
    const startedAt = performance.now();
    for (;;) {
      const { policy } = await reader.name('bench/names/7').policy();
      if (policy.maxDequeueRetries === turn) break;
      if (performance.now() - startedAt > PATIENCE_MS) throw new Error('the change never arrived');
      await pause(10);
    }
    took.push(performance.now() - startedAt);
    await pause((turn * 377) % 1000);
  }
  const longest = Math.max(...took);
  return {
    what: `a changed policy in force on another node, longest of ${CHANGES}, without Redis`,
    ours: `${fixed(longest, 0)} ms (p50 ${fixed(median(took), 0)})`,
    against: '–',
    result: `${fixed(longest, 0)} ms`,
    goal: '≤ 2000 ms',
    met: longest <= 2000,
  };
}
