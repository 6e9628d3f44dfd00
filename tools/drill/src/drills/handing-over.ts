import type { OutsideStage } from '../drill.ts';
import { now } from '../wait.ts';

const WITHIN_MS = 30_000;

/** Asks the leader to hand over, as an operator would. Tells the report how long the answer took; a refusal is a problem. */
export async function handOver({ watch, urls, note, problem }: OutsideStage): Promise<void> {
  const url = watch.ruling?.url ?? urls[0];
  const askedAt = now();
  const response = await fetch(`${url}/-/cluster/handover`, {
    method: 'POST',
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  const text = await response.text();
  note(`The handover was answered with ${response.status} after ${Math.round(now() - askedAt)} ms.`);
  if (!response.ok) problem(`the handover was refused: ${text.slice(0, 300)}`);
}
