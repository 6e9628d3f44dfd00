import { gapsOf, type Report } from './data.ts';

/** The report as one page that needs nothing from outside. */
export function page(report: Report): string {
  const rows = report.drills.map((drill) => {
    const gaps = gapsOf(drill);
    const ok = drill.runs.every((run) => run.ok);
    return `<tr><td>${drill.name}</td><td>${drill.skipped ?? (ok ? 'ok' : 'FAILED')}</td><td>${gaps?.p50.toFixed(0)}</td><td>${gaps?.p99.toFixed(0)}</td></tr>`;
  });
  return `<!doctype html><meta charset="utf-8"><title>Drills</title><table>${rows.join('')}</table>`;
}
