import { type ChildProcess, spawn } from 'node:child_process';
import { ClusterError } from './errors.ts';
import type { ProcessLog } from './process-log.ts';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** How it ended, for a sentence: `killed by SIGKILL`, `ended with exit code 1`. */
export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `ended with exit code ${code}` : `killed by ${signal}`;
}

/** Asks a process whether it is ready: true, or why not. Never rejects because of what the process does. */
export type Probe = (signal: AbortSignal) => Promise<true | string>;

export interface Program {
  id: string;
  /** Arguments after `node`. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

/**
 * One program that is started, watched, stopped and perhaps started again. It gets a process group of its own, so that
 * Ctrl-C in the terminal reaches only us, and the order in which the cluster goes down is ours.
 */
export class Supervised {
  readonly id: string;
  readonly #program: Program;
  readonly #log: ProcessLog;
  readonly #onDeath: (exit: Exit) => void;
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> = Promise.resolve({ code: 0, signal: null });
  #alive = false;
  #stopping = false;

  /** `onDeath` hears of an end that nobody asked for through `stop`. */
  constructor(program: Program, log: ProcessLog, onDeath: (exit: Exit) => void) {
    this.id = program.id;
    this.#program = program;
    this.#log = log;
    this.#onDeath = onDeath;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Of the running process, or of the last one; undefined before the first start. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get log(): ProcessLog {
    return this.#log;
  }

  /** Settles when the process that runs now has ended. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  start(): void {
    if (this.#alive) return;
    const child = spawn(process.execPath, this.#program.args, {
      env: { ...process.env, ...this.#program.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    this.#alive = true;
    this.#stopping = false;
    this.#log.follow(child.stdout, 'stdout');
    this.#log.follow(child.stderr, 'stderr');
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve({ code: -1, signal: null }));
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    void this.#exited.then((exit) => {
      this.#alive = false;
      if (!this.#stopping) this.#onDeath(exit);
    });
  }

  /** Sends a signal to a running process; does nothing to a dead one. */
  signal(signal: NodeJS.Signals): void {
    if (this.#alive) this.#child?.kill(signal);
  }

  /** Asks it to end, waits, and kills it when it does not within `withinMs`. True when it ended when asked. */
  async stop(withinMs: number): Promise<boolean> {
    if (!this.#alive) return true;
    this.#stopping = true;
    this.signal('SIGTERM');
    // A process that was stopped by SIGSTOP hears nothing until it is told to go on.
    this.signal('SIGCONT');
    let killed = false;
    const impatience = setTimeout(() => {
      killed = true;
      this.signal('SIGKILL');
    }, withinMs);
    await this.#exited;
    clearTimeout(impatience);
    return !killed;
  }

  /** Resolves when `probe` says yes. Throws ClusterError `not_ready` with the reason when it ends or takes too long. */
  async ready(probe: Probe, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    let reason = 'it did not answer';
    while (this.#alive && performance.now() < deadline) {
      const answer = await probe(AbortSignal.timeout(Math.min(2_000, withinMs)));
      if (answer === true) return;
      reason = answer;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const why = this.#alive
      ? `was not ready within ${Math.round(withinMs / 1000)} s: ${reason}`
      : `${describeExit(await this.#exited)} before it was ready`;
    const said = this.#log.lastLines.map((line) => `  ${line}`).join('\n');
    throw new ClusterError('not_ready', `${this.id} ${why}.\n${said}\n  (all of it: ${this.#log.path})`);
  }
}
