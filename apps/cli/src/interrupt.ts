import { EXIT } from './exit.ts';

const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

/** Ctrl-C and SIGTERM, as something a command can react to in order. */
export interface Interrupt {
  /** Fires at the first signal. */
  readonly signal: AbortSignal;
  /** The exit code the signal asks for; undefined as long as none came. */
  readonly exitCode: number | undefined;
  /** Called at the second signal, when waiting has become too long; the process ends right after. */
  onSecond: (() => void) | undefined;
  stop(): void;
}

export function watchInterrupts(): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const interrupt = {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    onSecond: undefined as (() => void) | undefined,
    stop() {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
    },
  };
  function onSignal(name: NodeJS.Signals): void {
    if (exitCode !== undefined) {
      interrupt.onSecond?.();
      process.exit(exitCode);
    }
    exitCode = name === 'SIGTERM' ? SIGNALS.SIGTERM : SIGNALS.SIGINT;
    controller.abort(new Error(name));
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  return interrupt;
}
