import type { Runtime } from '@message-vault/runtime';
import { nextRole, type Role, type RoleEvent } from './roles.ts';
import type { RoleChange } from './state.ts';

const HISTORY_LENGTH = 20;

/** The role a node is in, since when, and how it came to it. */
export class RoleLedger {
  readonly #runtime: Runtime;
  readonly #history: RoleChange[] = [];
  #role: Role = 'starting';
  #since: number;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#since = runtime.now();
  }

  get role(): Role {
    return this.#role;
  }

  /** Milliseconds since 1970. */
  get since(): number {
    return this.#since;
  }

  /** The latest changes, oldest first. */
  get history(): readonly RoleChange[] {
    return [...this.#history];
  }

  /** Takes the step that `event` leads to; none when stopped. True when the role is another one now. */
  step(event: RoleEvent, reason: string, epoch: number): boolean {
    if (this.#role === 'stopped') return false;
    this.#role = nextRole(this.#role, event);
    this.#since = this.#runtime.now();
    this.#history.push({ role: this.#role, reason, epoch, at: this.#since });
    if (this.#history.length > HISTORY_LENGTH) this.#history.shift();
    return true;
  }
}
