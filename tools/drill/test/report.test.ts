import { describe, expect, it } from 'vitest';
import { checkCounts } from '../src/report/checks.ts';
import {
  type DrillReport,
  deliveryFiguresMet,
  deliveryGapsOf,
  figuresMet,
  gapsOf,
  type Report,
  summarize,
} from '../src/report/data.ts';
import { page } from '../src/report/page.ts';
import { linearScale, logScale } from '../src/report/scale.ts';
import { verdictText } from '../src/report/text.ts';
import type { RunResult } from '../src/run/result.ts';
import { someResult, someVerdict } from './some-run.ts';

const runs = (...gaps: number[]): RunResult[] =>
  gaps.map((gapMs, index) => ({ ...someResult(), run: index + 1, gapMs }));

function drill(changes: Partial<DrillReport> = {}): DrillReport {
  return {
    name: 'kill-master',
    does: 'Kills the leader.',
    expects: 'Another one leads.',
    deliveryFigures: undefined,
    figures: { p50Ms: 1200, p99Ms: 2500 },
    skipped: undefined,
    broken: undefined,
    runs: runs(900, 700, 800, 1100),
    ...changes,
  };
}

/** Of a run with queues and routers. */
const delivering = (...gaps: [place: string, gapMs: number][]): RunResult => ({
  ...someResult(),
  deliveries: gaps.map(([place, gapMs]) => ({ place, count: 100, again: 2, gapMs, quietMs: 20 })),
});

const reportOf = (...drills: DrillReport[]): Report =>
  summarize({ startedAt: new Date(0), seed: 1, against: [], drills });

describe('the figures of a report', () => {
  it('are percentiles that occurred', () => {
    expect(gapsOf(drill())).toMatchObject({ count: 4, min: 700, p50: 800, p99: 1100, max: 1100 });
  });

  it('are met only when both are', () => {
    expect(figuresMet(drill())).toBe(true);
    expect(figuresMet(drill({ runs: runs(1300, 1300, 800) }))).toBe(false);
    expect(figuresMet(drill({ runs: runs(800, 800, 2600) }))).toBe(false);
    expect(figuresMet(drill({ figures: undefined }))).toBeUndefined();
  });

  it('of deliveries are those of the slowest place of each run, but for what the fault is about', () => {
    const runs = [delivering(['audit', 300], ['hook', 9000]), delivering(['audit', 200], ['work', 500])];
    expect(deliveryGapsOf(drill({ runs }))).toMatchObject({ count: 2, min: 500, max: 9000 });
    const bus = drill({ runs, deliveryFigures: { p99Ms: 600, butFor: ['hook'] } });
    expect(deliveryGapsOf(bus)).toMatchObject({ count: 2, min: 300, max: 500 });
    expect(deliveryFiguresMet(bus)).toBe(true);
    expect(deliveryFiguresMet({ ...bus, deliveryFigures: { p99Ms: 400 } })).toBe(false);
    expect(deliveryGapsOf(drill())).toBeUndefined();
  });

  it('count what the checkers found under the names people use for it', () => {
    const findings = [
      { check: 'gap' as const, count: 2, first: '' },
      { check: 'disordered' as const, count: 3, first: '' },
      { check: 'two-leaders' as const, count: 1, first: '' },
    ];
    const counts = checkCounts([{ findings }, { findings: [] }]);
    expect(counts.filter(({ count }) => count > 0)).toEqual([
      { label: 'gaps', count: 5 },
      { label: 'two leaders', count: 1 },
    ]);
  });
});

describe('the verdict on a drill', () => {
  it('fits a line, with the gap and what it should be', () => {
    expect(verdictText(drill())).toBe(
      'kill-master                ok       4 of 4 runs; gap p50 800 ms, p99 1,100 ms, max 1,100 ms (within p50 ≤ 1,200 ms, p99 ≤ 2,500 ms)',
    );
  });

  it('tells of deliveries where there are queues and routers', () => {
    const bus = drill({ runs: [delivering(['audit', 300])], deliveryFigures: { p99Ms: 200 } });
    expect(verdictText(bus)).toMatch(/; delivery gap p50 300 ms, p99 300 ms \(NOT within p99 ≤ 200 ms\)$/);
    const html = page(reportOf(bus));
    expect(html).toContain('audit: 100 delivered, 2 given again; longest silence 300 ms, just before 20 ms');
    expect(html).toContain('should be p99 ≤ 200 ms');
    expect(page(reportOf(drill()))).not.toContain('given again');
  });

  it('says why a drill was skipped', () => {
    const text = verdictText(drill({ skipped: 'there is no redis-server on PATH', runs: [] }));
    expect(text).toMatch(/skipped +there is no redis-server on PATH$/);
  });

  it('is bad for all when one run of one drill failed', () => {
    const bad = drill({ name: 'handover', runs: [{ ...someResult(), ok: false, problems: ['lost × 1'] }] });
    expect(reportOf(drill(), bad).ok).toBe(false);
    expect(reportOf(drill()).ok).toBe(true);
    expect(verdictText(bad)).toContain('FAILED   0 of 1 runs');
  });
});

it('a drill that could not be run is told as failed, with the reason', () => {
  const broken = drill({ broken: 'master-1 was not ready within 60 s', runs: [] });
  expect(verdictText(broken)).toMatch(/FAILED +master-1 was not ready/);
  expect(reportOf(broken).ok).toBe(false);
  expect(page(reportOf(broken))).toContain('<li>master-1 was not ready within 60 s</li>');
});

describe('the page', () => {
  it('needs nothing from outside: no script, no address but those within itself', () => {
    const html = page(reportOf(drill(), drill({ name: 'observe' })));
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|src=|https?:\/\//);
    expect([...html.matchAll(/href="([^"]*)"/g)].every(([, target]) => target?.startsWith('#'))).toBe(true);
  });

  it('shows every drill, every run and what was wrong', () => {
    const findings = [{ check: 'lost' as const, count: 3, first: 'producer-1 #7 is gone' }];
    const bad = { ...someResult({ verdict: someVerdict({ ok: false, findings }) }), run: 2 };
    const html = page(reportOf(drill({ runs: [someResult(), bad] }), drill({ name: 'observe' })));
    expect(html).toContain('id="kill-master"');
    expect(html).toContain('id="observe"');
    expect(html).toContain('run 2: lost × 3: producer-1 #7 is gone');
    expect(html).toContain('1 of 2 failed');
    expect(html).toContain('<div class="tile wrong"><b>3</b><span>lost</span></div>');
  });

  it('lets no text of a run become markup', () => {
    const html = page(reportOf(drill({ runs: [someResult({ problems: ['<b onload="x">'] })] })));
    expect(html).toContain('&lt;b onload=&quot;x&quot;&gt;');
    expect(html).not.toContain('<b onload');
  });

  it('can be drawn of a drill that has no run, and of a run without a fault', () => {
    const times = { acks: [], failures: [], marks: [] };
    const early = someResult({ times, gaps: [], periods: [], problems: ['a calm cluster: not within 45 s'] });
    const html = page(reportOf(drill({ runs: [] }), drill({ name: 'observe', runs: [early] })));
    expect(html).toContain('a calm cluster: not within 45 s');
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('an axis', () => {
  it('has round ticks within its ends', () => {
    expect(linearScale(-1000, 6200, 720).ticks.map(({ label }) => label)).toEqual([
      '-1 s',
      '0',
      '1 s',
      '2 s',
      '3 s',
      '4 s',
      '5 s',
      '6 s',
    ]);
    expect(logScale(5, 60_000, 100).ticks.map(({ label }) => label)).toEqual([
      '10 ms',
      '100 ms',
      '1 s',
      '10 s',
    ]);
  });

  it('keeps values beyond its ends at its ends when it is logarithmic', () => {
    const scale = logScale(10, 1000, 200);
    expect([scale.at(1), scale.at(100), scale.at(9999)]).toEqual([0, 100, 200]);
  });
});
