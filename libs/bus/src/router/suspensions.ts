import type { Runtime } from '@message-vault/runtime';
import { backOffMs } from './back-off.ts';
import type { Pump } from './pump.ts';

/** How long a member that failed again and again is left out at first, and at most. */
const BACK_OFF = { firstMs: 10_000, maxMs: 300_000, maxAskedMs: 300_000 };
/** Who has done well for so long begins anew. */
const FORGIVEN_MS = 900_000;

interface Suspension {
  readonly times: number;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** As it was when it was left out. */
  readonly pump: Pump;
}

/** Members of a router `one` that are, or were lately, left out for failing. */
export class Suspensions {
  readonly #runtime: Runtime;
  readonly #byMember = new Map<string, Suspension>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Answers for how long, milliseconds: longer each time. */
  add(member: string, pump: Pump): number {
    const at = this.#runtime.monotonic();
    // All of them have come back, or will not: a listener comes under a new id.
    for (const [each, before] of this.#byMember) if (at - before.at >= FORGIVEN_MS) this.forget(each);
    const times = (this.#byMember.get(member)?.times ?? 0) + 1;
    this.#byMember.set(member, { times, at, pump });
    return backOffMs(times, this.#runtime.random(), { settings: BACK_OFF });
  }

  pump(member: string): Pump | undefined {
    return this.#byMember.get(member)?.pump;
  }

  get members(): string[] {
    return [...this.#byMember.keys()];
  }

  forget(member: string): void {
    this.#byMember.delete(member);
  }
}
