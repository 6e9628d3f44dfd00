/** One line of the table: what was measured, ours, the other side of the same run, and the ratio that counts. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly against: string;
  /** How the two compare, as the goal states it. */
  readonly result: string;
  readonly goal: string;
  readonly met: boolean;
}

/** A table for a terminal, or for docs/performance.md. */
export function markdownTable(rows: readonly Row[]): string {
  const header = ['what', 'ours', 'against', 'result', 'goal', 'met'];
  const lines = rows.map((row) => [
    row.what,
    row.ours,
    row.against,
    row.result,
    row.goal,
    row.met ? 'yes' : 'NO',
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => (line[column] ?? '').length)),
  );
  const render = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [render(header), rule, ...lines.map(render)].join('\n');
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of `values` lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const fixed = (value: number, digits = 2): string => value.toFixed(digits);
export const megabytes = (bytes: number, elapsedMs: number): number => bytes / 1e6 / (elapsedMs / 1000);
