import type { Fault, OutsideStage, Span, Stage } from '../drill.ts';
import { DrillError } from '../errors.ts';
import { until } from '../wait.ts';
import type { NodeView } from '../watch.ts';

export const none: Span = { min: 0, max: 0 };
export const one: Span = { min: 1, max: 1 };
export const atMostOne: Span = { min: 0, max: 1 };

/** A silence any busy machine has now and then, and no fault of the cluster. */
export const NO_GAP = { p99Ms: 150 } as const;

export const BY_ITS_PROCESS = 'processes can only be killed, frozen or started where they run';
export const BY_ITS_NETWORK =
  'the proxies would have to stand between the nodes and their storage, or each other';
export const BY_ITS_STORAGE = 'it takes write access to the storage';

/** Id of the node that leads. Throws DrillError when none does. */
export function rulingNode({ watch }: OutsideStage): string {
  const nodeId = watch.ruling?.nodeId;
  if (nodeId === undefined) throw new DrillError('not_settled', 'no node leads');
  return nodeId;
}

/** Ids of the nodes that stand by, ready to lead. */
export function standbys({ watch }: OutsideStage): string[] {
  return watch.views.filter(({ role }) => role === 'standby').map(({ nodeId }) => nodeId);
}

/** Ids of the nodes that may lead. */
export function contenders({ lab }: Stage): string[] {
  return lab.cluster.nodes.filter(({ app }) => app !== 'reader').map(({ id }) => id);
}

/** The first of `ids`. Throws DrillError when there is none. */
export function first(what: string, ids: readonly string[]): string {
  const [id] = ids;
  if (id === undefined) throw new DrillError('not_settled', `there is no ${what}`);
  return id;
}

/** Waits until what the nodes `ids` say of themselves satisfies `test`, all of them. */
export async function untilAll(
  what: string,
  stage: Stage,
  expected: { ids: readonly string[]; test: (view: NodeView) => boolean; withinMs: number },
): Promise<void> {
  const { ids, test, withinMs } = expected;
  const viewOf = (id: string): NodeView | undefined => stage.watch.viewOf(stage.lab.node(id).url);
  const satisfied = (): boolean => ids.map(viewOf).every((view) => view !== undefined && test(view));
  await until(what, () => (satisfied() ? true : undefined), { withinMs, signal: stage.signal });
}

/** A fault that kills a node, and starts it again when it heals. */
export function killing({ lab }: Pick<Stage, 'lab'>, id: string): Fault {
  return { begin: () => lab.cluster.kill(id), end: () => lab.cluster.restart(id) };
}
