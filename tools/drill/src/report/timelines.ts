import type { RunResult } from '../run/result.ts';
import type { Timeline } from '../run/timeline.ts';
import type { DrillReport } from './data.ts';
import { escaped, px } from './markup.ts';
import { nodeColours } from './nodes.ts';
import { linearScale, type Scale } from './scale.ts';
import { msText } from './text.ts';

const WIDTH = 980;
const LABEL_WIDTH = 92;
const RIGHT = 8;
const ACKS_HEIGHT = 34;
const BAND_HEIGHT = 6;
const ROW_HEIGHT = ACKS_HEIGHT + BAND_HEIGHT + 12;
const AXIS_HEIGHT = 20;

/** Runs one below the other on one axis of time, 0 being the fault: who led, what was acknowledged, where the gap is. */
export function timelines(report: DrillReport, runs: readonly RunResult[]): string {
  const fromMs = Math.min(...runs.map(({ timeline }) => timeline.fromMs));
  const toMs = Math.max(...runs.map(({ timeline }) => timeline.toMs));
  const most = Math.max(1, ...runs.map(({ timeline }) => usual(timeline.acks)));
  const scale = linearScale(fromMs, toMs, WIDTH - LABEL_WIDTH - RIGHT);
  const colours = nodeColours(report);
  const height = AXIS_HEIGHT + runs.length * ROW_HEIGHT;
  const rows = runs.map((run, index) => {
    const drawn = row(run, { scale, most, colours, fromMs });
    return `<g transform="translate(${LABEL_WIDTH},${AXIS_HEIGHT + index * ROW_HEIGHT})">${drawn}</g>`;
  });
  return [
    `<svg class="timelines" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<g transform="translate(${LABEL_WIDTH},0)">${gridOf(scale, height)}</g>`,
    ...rows,
    '</svg>',
  ].join('');
}

interface Drawing {
  readonly scale: Scale;
  /** Acknowledgements per bucket that fill the height. */
  readonly most: number;
  readonly colours: ReadonlyMap<string, number>;
  readonly fromMs: number;
}

/** After a gap everything that waited is acknowledged at once: that peak is cut off, or nothing else could be seen. */
function usual(counts: readonly number[]): number {
  const sorted = counts.filter((count) => count > 0).sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length * 0.8)] ?? 1) * 1.4;
}

function gridOf(scale: Scale, height: number): string {
  return scale.ticks
    .map(({ value, label }) => {
      const x = px(scale.at(value));
      const line = `<line class="${value === 0 ? 'zero' : 'grid'}" x1="${x}" x2="${x}" y1="16" y2="${height}"/>`;
      return `<text x="${x}" y="11" text-anchor="middle">${label}</text>${line}`;
    })
    .join('');
}

function row(run: RunResult, drawing: Drawing): string {
  const { timeline } = run;
  return [
    label(run),
    gapOf(timeline, drawing),
    acksOf(timeline, drawing),
    deliveredOf(timeline, drawing),
    bandOf(timeline, drawing),
    failuresOf(timeline, drawing),
    marksOf(timeline, drawing),
  ].join('');
}

function label({ run, ok, gapMs }: RunResult): string {
  const x = -10;
  return [
    `<text class="run${ok ? '' : ' bad'}" x="${x}" y="${ACKS_HEIGHT / 2}" text-anchor="end">run ${run}${ok ? '' : ' ✗'}</text>`,
    `<text class="small" x="${x}" y="${ACKS_HEIGHT / 2 + 14}" text-anchor="end">${msText(gapMs)}</text>`,
  ].join('');
}

function gapOf({ gap }: Timeline, { scale, fromMs }: Drawing): string {
  if (gap === undefined) return '';
  const from = scale.at(Math.max(fromMs, gap.fromMs));
  const width = scale.at(gap.toMs) - from;
  const title = `no acknowledgement for ${msText(gap.toMs - gap.fromMs)}`;
  return `<rect class="gap" x="${px(from)}" y="0" width="${px(Math.max(1, width))}" height="${ACKS_HEIGHT}"><title>${title}</title></rect>`;
}

function acksOf(timeline: Timeline, { scale, most }: Drawing): string {
  const { acks, bucketMs, fromMs } = timeline;
  const heightOf = (count: number): number => Math.min(1, count / most) * (ACKS_HEIGHT - 2);
  const parts: string[] = [`M${px(scale.at(fromMs))},${ACKS_HEIGHT}`];
  for (const [index, count] of acks.entries()) {
    const y = px(ACKS_HEIGHT - heightOf(count));
    parts.push(`V${y}H${px(scale.at(fromMs + (index + 1) * bucketMs))}`);
  }
  return `<path class="acks" d="${parts.join('')}V${ACKS_HEIGHT}Z"/>`;
}

/** What queues and routers handed on, as a line over what they took in. */
function deliveredOf({ delivered, bucketMs, fromMs }: Timeline, { scale }: Drawing): string {
  if (delivered === undefined) return '';
  const most = Math.max(1, usual(delivered));
  const points = delivered.map((count, index) => {
    const y = px(ACKS_HEIGHT - Math.min(1, count / most) * (ACKS_HEIGHT - 2));
    return `${px(scale.at(fromMs + (index + 0.5) * bucketMs))},${y}`;
  });
  return `<polyline class="delivered" points="${points.join(' ')}"/>`;
}

function bandOf({ leaders, fromMs }: Timeline, { scale, colours }: Drawing): string {
  return leaders
    .map((band) => {
      const from = scale.at(Math.max(fromMs, band.fromMs));
      const width = px(Math.max(1, scale.at(band.toMs) - from));
      const title = escaped(`${band.nodeId} leads, epoch ${band.epoch}`);
      return `<rect class="node-${colours.get(band.nodeId) ?? 0}" x="${px(from)}" y="${ACKS_HEIGHT + 2}" width="${width}" height="${BAND_HEIGHT}" rx="2"><title>${title}</title></rect>`;
    })
    .join('');
}

function failuresOf({ failures }: Timeline, { scale }: Drawing): string {
  return failures
    .slice(0, 200)
    .map(
      ({ atMs, code }) =>
        `<circle class="failure" cx="${px(scale.at(atMs))}" cy="4" r="2.5"><title>${escaped(code)}</title></circle>`,
    )
    .join('');
}

function marksOf({ marks }: Timeline, { scale }: Drawing): string {
  return marks
    .filter(({ name }) => name !== 'end')
    .map(({ atMs, name }) => {
      const x = px(scale.at(atMs));
      const bottom = ACKS_HEIGHT + BAND_HEIGHT + 2;
      return `<line class="mark ${escaped(name)}" x1="${x}" x2="${x}" y1="-2" y2="${bottom}"><title>${escaped(name)}, ${atMs} ms</title></line>`;
    })
    .join('');
}
