import type { RunResult } from '../run/result.ts';
import { escaped } from './markup.ts';
import { msText } from './text.ts';

const MAX_ROLES = 40;

/** What happened in each run, for whoever wants to know why. */
export function runDetails(runs: readonly RunResult[]): string {
  return `<details><summary>What happened in each run</summary>${runs.map(runDetail).join('')}</details>`;
}

function runDetail(run: RunResult): string {
  const { messages, recoveryMs } = run;
  const facts = [
    run.startedAt.replace('T', ' ').replace(/\..*/, ' UTC'),
    `${messages.acked.toLocaleString('en-US')} acknowledged`,
    `${messages.failed + messages.unknown} failed`,
    `longest silence just before ${msText(run.quietMs)}`,
    ...(recoveryMs === undefined ? [] : [`acknowledged again ${msText(recoveryMs)} after the heal`]),
    `load ${run.load1.toFixed(1)}`,
    `stream ${run.stream}`,
  ];
  const lines = [
    ...run.timeline.roles.slice(0, MAX_ROLES).map(({ atMs, nodeId, role, reason }) => {
      return `${atMs} ms: ${nodeId} is ${role}: ${reason}`;
    }),
    ...run.notes,
    ...Object.entries(run.retries).map(([reason, count]) => `tried again ${count} times: ${reason}`),
  ];
  const items = lines.map((line) => `<li>${escaped(line)}</li>`).join('');
  return `<p><b>Run ${run.run}</b> <span class="facts">${escaped(facts.join(' · '))}</span></p><ul class="facts">${items}</ul>`;
}
