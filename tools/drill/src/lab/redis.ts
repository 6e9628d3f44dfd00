import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePorts } from '@message-vault/up';
import { DrillError } from '../errors.ts';
import { pause } from '../wait.ts';

const UP_WITHIN_MS = 10_000;

/** Whether there is a `redis-server` to be had. */
export async function hasRedis(): Promise<boolean> {
  const child = spawn('redis-server', ['--version'], { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** A Redis of our own that keeps nothing on disk. */
export class LabRedis {
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  static async open(): Promise<LabRedis> {
    const [port = 0] = await freePorts(1);
    const redis = new LabRedis(port);
    await redis.start();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it takes connections. Does nothing when it runs. Throws DrillError `not_settled`. */
  async start(): Promise<void> {
    if (this.#runs) return;
    const args = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    // A process group of its own: Ctrl-C in the terminal reaches only us.
    this.#child = spawn('redis-server', args, { stdio: 'ignore', detached: true });
    this.#child.on('error', () => {});
    const deadline = performance.now() + UP_WITHIN_MS;
    while (!(await this.#answers())) {
      if (performance.now() > deadline) throw new DrillError('not_settled', 'redis-server did not start');
      await pause(20);
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || hasEnded(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  get #runs(): boolean {
    return this.#child !== undefined && !hasEnded(this.#child);
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;
