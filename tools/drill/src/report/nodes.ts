import type { DrillReport } from './data.ts';

/** Colours there are, see style.ts. */
const COLOURS = 6;

/** A colour for every node of a drill, the same in all its pictures: the number of a CSS class. */
export function nodeColours(report: Pick<DrillReport, 'runs'>): ReadonlyMap<string, number> {
  const ids = new Set(report.runs.flatMap(({ timeline }) => timeline.leaders.map(({ nodeId }) => nodeId)));
  return new Map([...ids].sort().map((id, index) => [id, index % COLOURS]));
}
