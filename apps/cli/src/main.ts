import { messageOf, tuneCollectorForBuffers } from '@message-vault/runtime';
import { Command, CommanderError } from 'commander';
import { EXIT, exitCodeOf } from './exit.ts';
import { commands } from './registry.ts';

const HELP = `
Which cluster: --url (repeat it), else MVAULT_URLS, else .vault/cluster.json here or above, else
http://127.0.0.1:7001 to 7003.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such name, 130 interrupted (Ctrl-C), 143 terminated.
`;

/** The program `mvault`. Sets the exit code; the process ends by itself when all is closed. */
export async function main(args: readonly string[] = process.argv.slice(2)): Promise<void> {
  tuneCollectorForBuffers();
  process.stdout.on('error', ignoreBrokenPipe);
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Its commands and options. What is wrong with a command line is thrown, by Commander or by the command. */
export function createProgram(): Command {
  const program = new Command('mvault')
    .description('Publish to and read from a Message Vault cluster.')
    .version('0.1.0')
    .showHelpAfterError('(--help tells what is possible)')
    .addHelpText('after', HELP);
  for (const command of commands) command.register(program);
  throwInsteadOfExiting(program);
  return program;
}

/** `mvault --help | head`: whoever has read enough is no failure. What commands print is looked after by Output. */
function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') process.exitCode = EXIT.failure;
}

function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) throwInsteadOfExiting(sub);
}

function report(error: unknown): number {
  // Commander has said what is wrong, or shown the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const code = exitCodeOf(error);
  if (code === undefined) throw error;
  process.stderr.write(`mvault: ${messageOf(error)}\n`);
  return code;
}
