import type { Figures } from '../drill.ts';
import { type DrillReport, deliveryFiguresMet, deliveryGapsOf, figuresMet, gapsOf } from './data.ts';
import { runDetails } from './details.ts';
import { escaped } from './markup.ts';
import { nodeColours } from './nodes.ts';
import { spread } from './spread.ts';
import { msText, targetText } from './text.ts';
import { timelines } from './timelines.ts';

/** Runs drawn at first, the worst; the others are folded away. */
const SHOWN = 6;

/** One drill: what it does, its verdict and figures, and its runs. */
export function drillSection(report: DrillReport): string {
  return [
    `<section class="card" id="${escaped(report.name)}">`,
    `<header><h2>${escaped(report.name)}</h2>${verdictChip(report)}</header>`,
    `<p>${escaped(report.does)}</p><p class="soft">${escaped(report.expects)}</p>`,
    problems(report),
    ...(report.runs.length === 0 ? [] : [figures(report), pictures(report), runDetails(report.runs)]),
    '</section>',
  ].join('');
}

export function verdictChip({ skipped, broken, runs }: DrillReport): string {
  if (skipped !== undefined) return `<span class="chip muted">skipped: ${escaped(skipped)}</span>`;
  if (broken !== undefined) return '<span class="chip bad">could not be run</span>';
  const good = runs.filter(({ ok }) => ok).length;
  if (runs.length === 0) return '<span class="chip muted">no run</span>';
  if (good === runs.length)
    return `<span class="chip good">${good === 1 ? 'passed' : `${good} of ${good} passed`}</span>`;
  return `<span class="chip bad">${runs.length - good} of ${runs.length} failed</span>`;
}

function figure(value: number, name: string, target?: number): string {
  const miss = target !== undefined && value > target ? ' class="miss"' : '';
  return `<div${miss}><b>${msText(value)}</b><span class="name">${name}</span></div>`;
}

function figures(report: DrillReport): string {
  const gaps = gapsOf(report);
  if (gaps === undefined) return '';
  const { p50Ms, p99Ms } = report.figures ?? {};
  return [
    '<div class="figures">',
    figure(gaps.p50, 'write gap, p50', p50Ms),
    figure(gaps.p99, 'p99', p99Ms),
    figure(gaps.min, 'shortest'),
    figure(gaps.max, 'longest'),
    targetNote(figuresMet(report), report.figures),
    '</div>',
    deliveryFigures(report),
  ].join('');
}

/** For drills of queues and routers: how long nothing was handed on, and how much was handed on again. */
function deliveryFigures(report: DrillReport): string {
  const gaps = deliveryGapsOf(report);
  if (gaps === undefined) return '';
  const { p50Ms, p99Ms, butFor } = report.deliveryFigures ?? {};
  const again = report.runs.flatMap(({ deliveries }) => deliveries.map((each) => each.again));
  const name = butFor === undefined ? 'delivery gap, p50' : `delivery gap but for ${butFor.join(', ')}, p50`;
  return [
    '<div class="figures">',
    figure(gaps.p50, name, p50Ms),
    figure(gaps.p99, 'p99', p99Ms),
    figure(gaps.max, 'longest'),
    `<div><b>${again.reduce((sum, count) => sum + count, 0).toLocaleString('en-US')}</b><span class="name">given again</span></div>`,
    targetNote(deliveryFiguresMet(report), report.deliveryFigures),
    '</div>',
  ].join('');
}

function targetNote(met: boolean | undefined, figures: Figures | undefined): string {
  if (met === undefined || figures === undefined) return '';
  const text = `should be ${targetText(figures)}`;
  return `<div><span class="chip ${met ? 'good' : 'warn'}">${met ? 'within' : 'missed'}</span><span class="name">${text}</span></div>`;
}

function problems({ broken, runs }: DrillReport): string {
  const lines = runs.flatMap((run) => run.problems.map((problem) => `run ${run.run}: ${problem}`));
  if (broken !== undefined) lines.push(broken);
  if (lines.length === 0) return '';
  return `<div class="problems"><ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul></div>`;
}

function pictures(report: DrillReport): string {
  const worstFirst = report.runs.toSorted(
    (a, b) => Number(a.ok) - Number(b.ok) || (b.gapMs ?? 0) - (a.gapMs ?? 0),
  );
  const [shown, folded] = [worstFirst.slice(0, SHOWN), worstFirst.slice(SHOWN)];
  const more =
    folded.length === 0
      ? ''
      : `<details><summary>${folded.length} more runs</summary><div class="scroll">${timelines(report, folded)}</div></details>`;
  return `${spread(report)}${legend(report)}<div class="scroll">${timelines(report, shown)}</div>${more}`;
}

function legend(report: DrillReport): string {
  const nodes = [...nodeColours(report)].map(
    ([id, colour]) => `<span><i class="node-${colour}"></i>${escaped(id)} leads</span>`,
  );
  return [
    '<div class="legend">',
    '<span><i style="background:var(--acks)"></i>acknowledged per 50 ms</span>',
    '<span><i style="background:var(--gap)"></i>the write gap</span>',
    ...(report.runs.some(({ timeline }) => timeline.delivered)
      ? ['<span><i style="background:var(--delivered)"></i>delivered per 50 ms, by queues and routers</span>']
      : []),
    '<span><i style="background:var(--bad);width:3px;height:12px"></i>fault</span>',
    '<span><i style="background:var(--good);width:3px;height:12px"></i>heal</span>',
    ...nodes,
    '</div>',
  ].join('');
}
