import type { Runtime, Timer } from '@message-vault/runtime';

/** The runtime of one simulated process, which can be frozen (SIGSTOP), thawed and killed; its wall clock can jump. */
export class NodeRuntime implements Runtime {
  wallOffsetMs = 0;
  readonly #base: Runtime;
  readonly #backlog: (() => void)[] = [];
  #state: 'running' | 'frozen' | 'killed' = 'running';

  constructor(base: Runtime) {
    this.#base = base;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isKilled(): boolean {
    return this.#state === 'killed';
  }

  now(): number {
    return this.#base.now() + this.wallOffsetMs;
  }

  monotonic(): number {
    return this.#base.monotonic();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    let cancelled = false;
    const timer = this.#base.setTimer(delayMs, () =>
      this.whenRunning(() => {
        if (!cancelled) fire();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  random(): number {
    return this.#base.random();
  }

  randomBytes(count: number): Uint8Array {
    return this.#base.randomBytes(count);
  }

  /** Runs `happen` now, or when the process goes on, or never. */
  whenRunning(happen: () => void): void {
    if (this.#state === 'running') happen();
    else if (this.#state === 'frozen') this.#backlog.push(happen);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const happen of this.#backlog.splice(0)) happen();
  }

  kill(): void {
    this.#state = 'killed';
    this.#backlog.length = 0;
  }
}
