import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type HistoryEvent, parseEvent } from '@message-vault/checkers';
import { now } from '../wait.ts';

/** What the program is told. */
export interface ConsumerPlan {
  readonly name: string;
  readonly urls: readonly string[];
  readonly queues: readonly string[];
  /** Messages of each queue handled at the same time. */
  readonly concurrency: number;
}

export interface ConsumerProcessOptions extends ConsumerPlan {
  readonly record: (event: HistoryEvent) => void;
  readonly ended: (text: string) => void;
}

const PROGRAM = fileURLToPath(new URL('./consumer-program.ts', import.meta.url));
const STOP_WITHIN_MS = 20_000;

/** A process that consumes queues; what it does comes into the history of this one. */
export class ConsumerProcess {
  readonly #options: ConsumerProcessOptions;
  readonly #child: ChildProcess;
  /** Everything it has written down has been recorded. */
  readonly #closed: Promise<void>;
  /** Messages it holds, as far as it has told. */
  readonly #held = new Set<string>();
  #stopping = false;

  constructor({ record, ended, ...plan }: ConsumerProcessOptions) {
    this.#options = { record, ended, ...plan };
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify(plan)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // Its process may be gone before it hears that it should stop.
    this.#child.stdin?.on('error', () => {});
    this.#closed = this.#read();
  }

  get name(): string {
    return this.#options.name;
  }

  get held(): number {
    return this.#held.size;
  }

  /** SIGKILL, whatever it is doing. Resolves when all it has told is recorded. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** It takes nothing more and finishes what it has. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.stdin?.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#closed;
    clearTimeout(late);
  }

  async #read(): Promise<void> {
    const ended = new Promise<string>((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    const { stdout } = this.#child;
    if (stdout !== null) {
      for await (const line of createInterface({ input: stdout })) this.#take(parseEvent(line));
    }
    const how = await ended;
    if (!this.#stopping) this.#options.ended(`${this.name} ended by itself: ${how}`);
  }

  #take(event: HistoryEvent): void {
    if (event.kind === 'locked') this.#held.add(event.lock);
    if (event.kind === 'settling' || event.kind === 'lock-lost') this.#held.delete(event.lock);
    this.#options.record(inOurTime(event));
  }
}

/** The program tells the machine's monotonic time; ours began when we did. */
function inOurTime(event: HistoryEvent): HistoryEvent {
  const ahead = Number(process.hrtime.bigint()) / 1e6 - now();
  const moved = { ...event, at: event.at - ahead };
  return 'until' in moved ? { ...moved, until: moved.until - ahead } : moved;
}
