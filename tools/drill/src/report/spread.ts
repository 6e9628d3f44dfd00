import { type DrillReport, gapsOf } from './data.ts';
import { px } from './markup.ts';
import { linearScale } from './scale.ts';
import { msText } from './text.ts';

const WIDTH = 980;
const SIDE = 30;
const TOP = 46;
const DOT = 4;
const STACK = 9;
const ROOM_FOR = 6;
const BASE = TOP + STACK * ROOM_FOR;
const HEIGHT = BASE + 20;
/** Fewer runs are no distribution. */
const ENOUGH = 3;

/** The write gaps of all runs as stacked dots on one axis, with p50, p99, the longest, and what they should be. */
export function spread(report: DrillReport): string {
  const gaps = gapsOf(report);
  if (gaps === undefined || gaps.count < ENOUGH) return '';
  const { p50Ms, p99Ms } = report.figures ?? {};
  const toMs = Math.max(gaps.max, p50Ms ?? 0, p99Ms ?? 0) * 1.05;
  const scale = linearScale(0, toMs, WIDTH - 2 * SIDE, 10);
  const axis = scale.ticks.map(
    ({ value, label }) =>
      `<text x="${px(scale.at(value))}" y="${BASE + 16}" text-anchor="middle">${label}</text>`,
  );
  return [
    `<div class="scroll"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"><g transform="translate(${SIDE},0)">`,
    `<line class="axis-line" x1="0" x2="${WIDTH - 2 * SIDE}" y1="${BASE}" y2="${BASE}"/>`,
    ...axis,
    ...dots(report, scale.at),
    ...flag('p50', scale.at(gaps.p50), 'p50', `p50 ${msText(gaps.p50)}`, 0),
    ...flag(
      'p99',
      scale.at(gaps.p99),
      'p99',
      `${gaps.p99 === gaps.max ? 'p99 = longest' : 'p99'} ${msText(gaps.p99)}`,
      1,
    ),
    ...(p50Ms === undefined ? [] : flag('target', scale.at(p50Ms), 'target', `p50 ≤ ${msText(p50Ms)}`, 2)),
    ...(p99Ms === undefined ? [] : flag('target', scale.at(p99Ms), 'target', `p99 ≤ ${msText(p99Ms)}`, 2)),
    '</g></svg></div>',
  ].join('');
}

/** Dots that would cover each other are stacked; a pile that grows too high is drawn closer. */
function dots(report: DrillReport, at: (ms: number) => number): string[] {
  const columns = new Map<number, { x: number; bad: boolean; title: string }[]>();
  for (const { gapMs, ok, run } of report.runs) {
    if (gapMs === undefined) continue;
    const column = Math.round(at(gapMs) / (2 * DOT + 1));
    const dot = { x: column * (2 * DOT + 1), bad: !ok, title: `run ${run}: ${msText(gapMs)}` };
    columns.set(column, [...(columns.get(column) ?? []), dot]);
  }
  return [...columns.values()].flatMap((column) => {
    const step = Math.min(STACK, (STACK * (ROOM_FOR - 1)) / column.length);
    return column.map(({ x, bad, title }, index) => {
      const y = BASE - DOT - 2 - index * step;
      return `<circle class="dot${bad ? ' bad' : ''}" cx="${px(x)}" cy="${px(y)}" r="${DOT}"><title>${title}</title></circle>`;
    });
  });
}

/** A vertical line with its name at the top, on one of three levels so that neighbours can be read. */
function flag(kind: string, x: number, style: string, text: string, level: 0 | 1 | 2): string[] {
  const y = 11 + level * 13;
  const label = style === 'target' ? 'target-label' : 'strong';
  const anchor = x > (WIDTH - 2 * SIDE) * 0.85 ? 'end' : 'start';
  const shift = anchor === 'end' ? -4 : 4;
  return [
    `<line class="${kind}" x1="${px(x)}" x2="${px(x)}" y1="${y - 8}" y2="${BASE}"/>`,
    `<text class="${label}" x="${px(x + shift)}" y="${y}" text-anchor="${anchor}">${text}</text>`,
  ];
}
