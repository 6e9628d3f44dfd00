import { checkCounts } from './checks.ts';
import { type DrillReport, gapsOf, type Report } from './data.ts';
import { escaped } from './markup.ts';
import { drillSection, verdictChip } from './section.ts';
import { strip, stripAxis } from './strip.ts';
import { style } from './style.ts';
import { msText, targetText } from './text.ts';

const STRIP = { width: 380, height: 26 };

/** The report as one page that needs nothing from outside. */
export function page(report: Report): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drills of ${escaped(dayOf(report.startedAt))}</title>
<style>${style}</style>
</head>
<body>
<main>
${head(report)}
${tiles(report)}
${overview(report)}
${report.drills.map(drillSection).join('\n')}
<footer>Write gap: the longest time without an acknowledgement, over all producers, from the fault until it healed.
Delivery gap: the longest time in which a queue, a stream or the subscribers of a router got nothing, from the fault until producers stopped.
Beside this page lie the histories of the first runs, and of all that failed, as JSON lines, and the logs of the nodes.</footer>
</main>
</body>
</html>
`;
}

function head(report: Report): string {
  const where =
    report.against.length === 0 ? 'clusters of their own on this machine' : report.against.join(', ');
  const loads = report.drills.flatMap(({ runs }) => runs.map(({ load1 }) => load1));
  const load =
    loads.length === 0 ? '' : ` · load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`;
  const verdict = report.ok
    ? '<div class="verdict good">All passed</div>'
    : '<div class="verdict bad">Failed</div>';
  return `<div class="head"><div><h1>Drills</h1>
<p class="facts">${escaped(timeOf(report.startedAt))} to ${escaped(timeOf(report.endedAt).slice(-12))} · ${escaped(where)}<br>
${escaped(report.machine)}${load} · seed ${report.seed}</p></div>${verdict}</div>`;
}

function tiles(report: Report): string {
  const runs = report.drills.flatMap((drill) => drill.runs);
  const acked = runs.reduce((sum, { messages }) => sum + messages.acked, 0);
  const events = runs.reduce((sum, run) => sum + run.events, 0);
  const facts = [
    tile(runs.length, 'runs'),
    tile(acked, 'publishes acknowledged'),
    tile(events, 'events checked'),
  ];
  // What a drill's own fault did to the messages is told there; here stands what should not have been.
  const judged = report.drills.flatMap((drill) =>
    drill.runs.filter(({ ok, findings }) => !ok || findings.length === 0),
  );
  const checks = checkCounts(judged).map(({ label, count }) => tile(count, label, count > 0));
  return `<div class="tiles">${[...facts, ...checks].join('')}</div>`;
}

const tile = (count: number, label: string, wrong = false): string =>
  `<div class="tile${wrong ? ' wrong' : ''}"><b>${count.toLocaleString('en-US')}</b><span>${label}</span></div>`;

function overview(report: Report): string {
  const head =
    '<tr><th>drill</th><th>verdict</th>' +
    `<th>write gap of every run<br>${stripAxis(STRIP)}</th>` +
    '<th class="number">p50</th><th class="number">p99</th><th>should be</th></tr>';
  return `<section class="card scroll"><table><thead>${head}</thead><tbody>${report.drills.map(overviewRow).join('')}</tbody></table></section>`;
}

function overviewRow(drill: DrillReport): string {
  const name = escaped(drill.name);
  const gaps = gapsOf(drill);
  const link = `<td><a href="#${name}">${name}</a></td>`;
  if (gaps === undefined) {
    const chip = drill.skipped === undefined ? verdictChip(drill) : '<span class="chip muted">skipped</span>';
    const why = drill.skipped ?? 'no gap to measure: it stays down until a person acts';
    return `<tr>${link}<td>${chip}</td><td class="wide" colspan="4">${escaped(why)}</td></tr>`;
  }
  const target = drill.figures === undefined ? '' : targetText(drill.figures);
  return `<tr>${link}<td>${verdictChip(drill)}</td><td>${strip(drill, STRIP)}</td><td class="number">${msText(gaps.p50)}</td><td class="number">${msText(gaps.p99)}</td><td class="facts">${target}</td></tr>`;
}

const dayOf = (iso: string): string => iso.slice(0, 10);
const timeOf = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
