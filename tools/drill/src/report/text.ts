import type { Drill, Figures } from '../drill.ts';
import type { RunResult } from '../run/result.ts';
import { type DrillReport, deliveryFiguresMet, deliveryGapsOf, figuresMet, gapsOf } from './data.ts';

const NAME_WIDTH = 26;

/** `812 ms`, `31.2 s`, `-` for none. */
export function msText(ms: number | undefined): string {
  if (ms === undefined) return '-';
  return ms < 10_000 ? `${Math.round(ms).toLocaleString('en-US')} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** What `mvault drill --list` says. */
export function listText(drills: readonly Drill[]): string {
  return drills
    .map(({ name, does, expects, notFromOutside }) =>
      [
        name,
        `    ${does}`,
        `    Expected: ${expects}`,
        `    Against a deployed cluster: ${notFromOutside === undefined ? 'yes' : `no, ${notFromOutside}`}`,
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** One run in a line, and a line for each thing that was wrong. */
export function runText(drill: Pick<Drill, 'name'>, result: RunResult): string {
  const { messages, run, gapMs, load1 } = result;
  const facts = [
    `gap ${msText(gapMs)}`,
    ...deliveryFacts(result),
    `${messages.acked.toLocaleString('en-US')} acknowledged`,
    ...(result.failedPublishes > 0 ? [`${result.failedPublishes} failed`] : []),
    `load ${load1.toFixed(1)}`,
  ];
  const line = `  ${drill.name} ${run}: ${result.ok ? 'ok' : 'FAILED'}, ${facts.join(', ')}`;
  return [line, ...result.problems.map((problem) => `      ${problem}`)].join('\n');
}

/** `delivery gap 812 ms (work), 3 again`, for a run with queues and routers. */
function deliveryFacts({ deliveries }: RunResult): string[] {
  const [slowest] = deliveries.toSorted((a, b) => (b.gapMs ?? 0) - (a.gapMs ?? 0));
  if (slowest === undefined) return [];
  const again = deliveries.reduce((sum, each) => sum + each.again, 0);
  return [`delivery gap ${msText(slowest.gapMs)} (${slowest.place})`, `${again} given again`];
}

/** The verdict on a drill in a line. */
export function verdictText(report: DrillReport): string {
  const name = report.name.padEnd(NAME_WIDTH);
  if (report.skipped !== undefined) return `${name} skipped  ${report.skipped}`;
  const failed = report.runs.filter(({ ok }) => !ok).length;
  const gaps = gapsOf(report);
  if (report.broken !== undefined) return `${name} FAILED   ${report.broken}`;
  const verdict = failed === 0 ? 'ok      ' : 'FAILED  ';
  const runs = `${report.runs.length - failed} of ${report.runs.length} runs`;
  const gap = gaps
    ? `gap p50 ${msText(gaps.p50)}, p99 ${msText(gaps.p99)}, max ${msText(gaps.max)}`
    : 'no gap measured';
  const written = `${gap}${figuresText(figuresMet(report), report.figures)}`;
  return `${name} ${verdict} ${runs}; ${written}${deliveryText(report)}`;
}

function deliveryText(report: DrillReport): string {
  const gaps = deliveryGapsOf(report);
  if (gaps === undefined) return '';
  const met = figuresText(deliveryFiguresMet(report), report.deliveryFigures);
  return `; delivery gap p50 ${msText(gaps.p50)}, p99 ${msText(gaps.p99)}${met}`;
}

function figuresText(met: boolean | undefined, figures: Figures | undefined): string {
  if (met === undefined || figures === undefined) return '';
  return ` (${met ? 'within' : 'NOT within'} ${targetText(figures)})`;
}

/** `p50 ≤ 1,200 ms, p99 ≤ 2,500 ms`. */
export function targetText({ p50Ms, p99Ms }: Figures): string {
  return [
    ...(p50Ms === undefined ? [] : [`p50 ≤ ${msText(p50Ms)}`]),
    ...(p99Ms === undefined ? [] : [`p99 ≤ ${msText(p99Ms)}`]),
  ].join(', ');
}
