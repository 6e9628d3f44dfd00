import type { Runtime } from '@message-vault/runtime';

export type AlarmCode =
  /** The leader can't be reached from here, but from elsewhere it can: this node's network is the one to look at. */
  | 'cut_off_from_leader'
  /** The storage does not answer this node. */
  | 'storage_unreachable'
  /** The leader document's epoch went backwards. Fail-stop. */
  | 'storage_rolled_back'
  /** The leader document is gone though somebody has led. Fail-stop. */
  | 'leader_document_missing'
  /** The leader document, or the claim beside it, can't be read. Fail-stop. */
  | 'leader_document_unreadable'
  /**
   * The leader's URL leads to this very process, which does not lead: two nodes are configured with one URL. In this node's own
   * name that is at first only the record of its earlier life.
   */
  | 'url_leads_to_myself'
  /** The election hit a bug and ended. */
  | 'election_failed';

export interface Alarm {
  readonly code: AlarmCode;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** The alarms in force, each told once when it begins. */
export class Alarms {
  readonly #active = new Map<AlarmCode, Alarm>();
  readonly #runtime: Runtime;
  readonly #raised: (code: AlarmCode, message: string) => void;
  readonly #changed: () => void;

  constructor(options: {
    runtime: Runtime;
    raised: (code: AlarmCode, message: string) => void;
    changed: () => void;
  }) {
    this.#runtime = options.runtime;
    this.#raised = options.raised;
    this.#changed = options.changed;
  }

  raise(code: AlarmCode, message: string): void {
    if (this.#active.has(code)) return;
    this.#active.set(code, { code, message, since: this.#runtime.now() });
    this.#raised(code, message);
    this.#changed();
  }

  clear(...codes: readonly AlarmCode[]): void {
    let cleared = false;
    for (const code of codes) cleared = this.#active.delete(code) || cleared;
    if (cleared) this.#changed();
  }

  list(): readonly Alarm[] {
    return [...this.#active.values()];
  }
}
