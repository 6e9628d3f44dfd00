import type { DeliveryResult, RunResult } from '../run/result.ts';
import type { Timeline } from '../run/timeline.ts';
import { escaped } from './markup.ts';
import { msText } from './text.ts';

const MAX_LINES = 60;

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
    ...whatNodesDid(run.timeline),
    ...run.notes,
    ...run.deliveries.map(deliveryLine),
    ...Object.entries(run.retries).map(([reason, count]) => `tried again ${count} times: ${reason}`),
  ];
  const items = lines.map((line) => `<li>${escaped(line)}</li>`).join('');
  return `<p><b>Run ${run.run}</b> <span class="facts">${escaped(facts.join(' · '))}</span></p><ul class="facts">${items}</ul>`;
}

function deliveryLine({ place, count, again, gapMs, quietMs }: DeliveryResult): string {
  const given = again === 0 ? '' : `, ${again.toLocaleString('en-US')} given again`;
  return `${place}: ${count.toLocaleString('en-US')} delivered${given}; longest silence ${msText(gapMs)}, just before ${msText(quietMs)}`;
}

/** Changes of role and decisions in the order of time. */
function whatNodesDid({ roles, decisions }: Timeline): string[] {
  const told = [
    ...roles.map(({ atMs, nodeId, role, reason }) => ({ atMs, text: `${nodeId} is ${role}: ${reason}` })),
    ...decisions.map(({ atMs, nodeId, decision }) => ({ atMs, text: `${nodeId} decides ${decision}` })),
  ];
  return told
    .sort((a, b) => a.atMs - b.atMs)
    .slice(0, MAX_LINES)
    .map(({ atMs, text }) => `${atMs} ms: ${text}`);
}
