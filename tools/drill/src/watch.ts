import type { HistoryEvent } from '@message-vault/checkers';
import { now, pause } from './wait.ts';

/** What a node says of itself and of who leads. */
export interface NodeView {
  readonly url: string;
  readonly nodeId: string;
  readonly role: string;
  readonly ready: boolean;
  readonly leader: LeaderSaid | undefined;
  readonly alarms: readonly string[];
  /** The row of the election's decision table that holds, for a node that stands by. */
  readonly decision: string | undefined;
  /** The node's latest changes of role, oldest first. */
  readonly history: readonly RoleSaid[];
  /** When it answered. */
  readonly at: number;
}

export interface LeaderSaid {
  readonly nodeId: string;
  readonly url: string;
  readonly epoch: number;
}

/** `at` in milliseconds since 1970. */
export interface RoleSaid {
  readonly role: string;
  readonly reason: string;
  readonly epoch: number;
  readonly at: number;
}

export interface LeaderPeriod extends LeaderSaid {
  /** When somebody first said so, on the clock of the history. */
  readonly at: number;
  /** When that node itself was last heard to say that it leads. */
  readonly until: number;
}

/** What a standby made of what it saw, from some moment on. */
export interface DecisionSeen {
  readonly at: number;
  readonly nodeId: string;
  readonly decision: string;
}

const LOOK_EVERY_MS = 100;
/** Older ones are forgotten: they belong to runs that are over. */
const MAX_DECISIONS = 1000;
/** A node that is frozen must not hold up the looks at the others, nor pile up requests. */
const ANSWER_WITHIN_MS = 1000;

/** Asks every node, over and over, who leads. */
export class Watch {
  readonly #urls: readonly string[];
  readonly #views = new Map<string, NodeView>();
  readonly #periods: LeaderPeriod[] = [];
  readonly #decisions: DecisionSeen[] = [];
  readonly #stop = new AbortController();
  #record: (event: HistoryEvent) => void = () => {};
  #running: Promise<unknown> = Promise.resolve();

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  start(): void {
    this.#running = Promise.all(this.#urls.map((url) => this.#follow(url)));
  }

  /** From now on, whoever is said to lead goes into this history. */
  recordTo(record: (event: HistoryEvent) => void): void {
    this.#record = record;
    for (const view of this.#views.values()) this.#tell(view);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** The last answer of each node that answered its last question. */
  get views(): readonly NodeView[] {
    return [...this.#views.values()];
  }

  viewOf(url: string): NodeView | undefined {
    return this.#views.get(url);
  }

  /** Everybody who was ever said to lead, by epoch. */
  get periods(): readonly LeaderPeriod[] {
    return this.#periods.toSorted((a, b) => a.epoch - b.epoch);
  }

  /** Changes of what the standbys decided, oldest first. */
  get decisions(): readonly DecisionSeen[] {
    return this.#decisions;
  }

  /** Who leads by the newest epoch that anybody told of. */
  get leader(): LeaderPeriod | undefined {
    return this.periods.at(-1);
  }

  /** The node that says of itself that it leads, if it does so under the newest epoch. */
  get ruling(): NodeView | undefined {
    const epoch = this.leader?.epoch;
    return this.views.find(({ role, leader }) => role === 'leading' && leader?.epoch === epoch);
  }

  async #follow(url: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const view = await look(url, signal);
      if (view === undefined) this.#views.delete(url);
      else {
        this.#noteDecision(view, this.#views.get(url));
        this.#views.set(url, view);
        this.#tell(view);
      }
      await pause(LOOK_EVERY_MS, signal).catch(() => {});
    }
  }

  #noteDecision({ at, nodeId, decision }: NodeView, before: NodeView | undefined): void {
    if (decision === undefined || decision === before?.decision) return;
    this.#decisions.push({ at, nodeId, decision });
    if (this.#decisions.length > MAX_DECISIONS) this.#decisions.shift();
  }

  #tell(view: NodeView): void {
    const { leader, nodeId: observer, at } = view;
    // A person who repaired the records stands in them until a node leads.
    if (leader === undefined || new URL(leader.url).hostname.endsWith('.invalid')) return;
    const index = this.#periods.findIndex(
      ({ epoch, nodeId }) => epoch === leader.epoch && nodeId === leader.nodeId,
    );
    const known = this.#periods[index];
    if (known === undefined) this.#periods.push({ ...leader, at, until: at });
    else if (view.role === 'leading' && observer === leader.nodeId)
      this.#periods[index] = { ...known, until: at };
    this.#record({ kind: 'leader', at, observer, nodeId: leader.nodeId, epoch: leader.epoch });
  }
}

/** What the node at `url` says now; undefined when it does not answer in time. */
async function look(url: string, signal: AbortSignal): Promise<NodeView | undefined> {
  try {
    const response = await fetch(`${url}/-/cluster`, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    const body: unknown = await response.json();
    return response.ok ? viewOf(url, body) : undefined;
  } catch {
    // Dead, frozen, cut off or not up yet: whoever asks again will see.
    return undefined;
  }
}

function viewOf(url: string, body: unknown): NodeView | undefined {
  const { leader, self } = members(body);
  const said = members(self);
  if (typeof said.nodeId !== 'string' || typeof said.role !== 'string') return undefined;
  const { ready } = members(said.readiness);
  return {
    url,
    nodeId: said.nodeId,
    role: said.role,
    ready: ready !== false,
    leader: leaderOf(members(leader)),
    decision: typeof said.decision === 'string' ? said.decision : undefined,
    alarms: list(said.alarms).map((alarm) => String(members(alarm).code)),
    history: list(said.history).map(members).map(roleOf),
    at: now(),
  };
}

function leaderOf({ nodeId, url, epoch }: Members): LeaderSaid | undefined {
  if (typeof nodeId !== 'string' || typeof url !== 'string' || typeof epoch !== 'number') return undefined;
  return { nodeId, url, epoch };
}

const roleOf = ({ role, reason, epoch, at }: Members): RoleSaid => ({
  role: String(role),
  reason: String(reason),
  epoch: Number(epoch),
  at: Number(at),
});

type Members = Readonly<Record<string, unknown>>;

const members = (value: unknown): Members =>
  typeof value === 'object' && value !== null ? { ...value } : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
