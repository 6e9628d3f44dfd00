import type { DrillReport } from './data.ts';
import { gapsOf } from './data.ts';
import { escaped, px } from './markup.ts';
import { logScale } from './scale.ts';
import { msText, targetText } from './text.ts';

const FROM_MS = 5;
const TO_MS = 60_000;
const DOT = 3.5;

interface StripSize {
  readonly width: number;
  readonly height: number;
}

const axis = ({ width }: StripSize) => logScale(FROM_MS, TO_MS, width);

/** The axis all strips of the overview share. */
export function stripAxis(size: StripSize): string {
  const scale = axis(size);
  const labels = scale.ticks.map(
    ({ value, label }) => `<text x="${px(scale.at(value))}" y="11" text-anchor="middle">${label}</text>`,
  );
  return `<svg class="axis" viewBox="0 0 ${size.width} 14" width="${size.width}" height="14">${labels.join('')}</svg>`;
}

/** The write gap of every run as a dot, and where half and all but one in a hundred of them lie. */
export function strip(report: DrillReport, size: StripSize): string {
  const scale = axis(size);
  const middle = size.height / 2;
  const grid = scale.ticks.map(({ value }) => line('grid', scale.at(value), 0, size.height));
  const dots = report.runs.flatMap((run, index) => {
    if (run.gapMs === undefined) return [];
    const y = middle + spread(index) * (middle - DOT - 1);
    const title = `run ${run.run}: ${msText(run.gapMs)}`;
    return `<circle class="dot${run.ok ? '' : ' bad'}" cx="${px(scale.at(run.gapMs))}" cy="${px(y)}" r="${DOT}"><title>${title}</title></circle>`;
  });
  return [
    `<svg class="strip" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}">`,
    ...grid,
    ...targets(report, scale.at, size.height),
    ...dots,
    ...medians(report, scale.at, size.height),
    '</svg>',
  ].join('');
}

/** Neighbours in time lie apart, so that equal gaps don't hide each other; in [-1, 1]. */
const spread = (index: number): number => ((index * 0.618034) % 1) * 2 - 1;

function medians(report: DrillReport, at: (ms: number) => number, height: number): string[] {
  const gaps = gapsOf(report);
  if (gaps === undefined) return [];
  return [line('p50', at(gaps.p50), 2, height - 2), line('p99', at(gaps.p99), 2, height - 2)];
}

/** Beyond its target the axis is tinted. */
function targets({ figures }: DrillReport, at: (ms: number) => number, height: number): string[] {
  const ms = figures?.p99Ms ?? figures?.p50Ms;
  if (figures === undefined || ms === undefined) return [];
  const x = at(ms);
  const title = escaped(`should be ${targetText(figures)}`);
  return [
    `<rect class="beyond" x="${px(x)}" y="0" width="${px(at(TO_MS) - x)}" height="${height}"><title>${title}</title></rect>`,
  ];
}

const line = (kind: string, x: number, from: number, to: number): string =>
  `<line class="${kind}" x1="${px(x)}" x2="${px(x)}" y1="${from}" y2="${to}"/>`;
