import { type ClientOptions, createClient, type RetryNotice, type VaultClient } from '@message-vault/client';
import type { Command } from 'commander';
import { clusterUrls } from './cluster-urls.ts';
import { EXIT } from './exit.ts';
import { type Interrupt, watchInterrupts } from './interrupt.ts';
import { Output } from './output.ts';
import { TroubleReport } from './trouble.ts';

/** Options every command has. */
export interface CommonOptions {
  readonly url?: readonly string[];
  readonly json?: true;
}

/** What a command works with. */
export interface CommandContext {
  readonly urls: readonly string[];
  readonly out: Output;
  /** For people: progress, notices, summaries. */
  readonly err: NodeJS.WriteStream;
  readonly interrupt: Interrupt;
  /** Fires on Ctrl-C, and when the output takes no more. */
  readonly signal: AbortSignal;
  client(options?: Partial<ClientOptions>): VaultClient;
}

/** One command of `mvault`. Each has a file of its own; registry.ts lists them. */
export interface CommandModule {
  register(program: Command): void;
}

/** Adds the options every command has. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--url <url>', 'a node of the cluster; repeat for several', collect)
    .option('--json', 'answer in JSON, for programs');
}

/** For options that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Runs a command's work with a client at hand, and sees to it that everything is closed and the exit code is right. */
export async function runCommand(
  options: CommonOptions,
  work: (context: CommandContext) => Promise<number | undefined>,
): Promise<void> {
  const urls = clusterUrls(options.url ?? [], {
    environment: process.env.MVAULT_URLS,
    folder: process.cwd(),
  });
  const interrupt = watchInterrupts();
  const out = new Output(process.stdout);
  const signal = AbortSignal.any([interrupt.signal, out.gone]);
  const trouble = new TroubleReport(process.stderr);
  const clients: VaultClient[] = [];
  const client = (more: Partial<ClientOptions> = {}): VaultClient => {
    const onRetry = (notice: RetryNotice): void => trouble.notice(notice);
    const made = createClient({ urls, onRetry, ...more });
    clients.push(made);
    return made;
  };
  try {
    const code = await work({ urls, out, err: process.stderr, interrupt, signal, client });
    await out.finish();
    process.exitCode = interrupt.exitCode ?? code ?? EXIT.ok;
  } catch (error) {
    // Whoever stopped us, or stopped listening, knows why. A full disk has told nobody yet.
    if (out.failure !== undefined && !interrupt.signal.aborted) throw out.failure;
    if (!signal.aborted) throw error;
    process.exitCode = interrupt.exitCode ?? EXIT.ok;
  } finally {
    trouble.stop();
    interrupt.stop();
    await Promise.all(clients.map((each) => each.close()));
  }
}
