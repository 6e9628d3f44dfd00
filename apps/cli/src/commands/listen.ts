import { randomUUID } from 'node:crypto';
import type { ReadFrom, RouterMessage } from '@message-vault/client';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT, UsageError } from '../exit.ts';
import { FROM_HELP, parseFrom } from '../from.ts';
import { messageOutput, streamLook } from '../message-output.ts';
import { type OutputOptions, outputFormat, outputOption } from '../output-options.ts';
import { wholeNumber } from '../units.ts';

interface ListenCommandOptions extends CommonOptions, OutputOptions {
  readonly filter?: string;
  readonly from?: ReadFrom;
  readonly id?: string;
  readonly limit?: number;
  readonly verbose?: true;
}

const HELP = `
A subscriber for as long as it runs. Of a router that distributes to one, each message appears in exactly one of those
who listen; what is printed is acknowledged. Goes on over lost connections and changes of the leader. Ends with Ctrl-C.

  mvault listen myapp/work                     # in two terminals
  mvault listen myapp/jobs --filter "key = 'customer-7'" --output values
`;

export const listenCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('listen'))
      .argument('<router>', 'the router')
      .description('print the messages of a router as they come')
      .option('--filter <condition>', 'only messages it holds for, see docs/filters.md')
      .option('--from <place>', `routers that distribute to all: ${FROM_HELP}`, parseFrom)
      .option('--id <uuid>', 'come back as the listener of that id')
      .option('--limit <count>', 'stop after so many messages', wholeNumber)
      .addOption(outputOption())
      .option('--verbose', 'say on standard error when it is connected, as on a terminal')
      .addHelpText('after', HELP)
      .action((name: string, options: ListenCommandOptions) =>
        runCommand(options, (context) => listen(context, name, options)),
      );
  },
};

async function listen(context: CommandContext, name: string, options: ListenCommandOptions): Promise<number> {
  const format = outputFormat(options);
  if (format === 'json')
    throw new UsageError('a listener has no end, so its output is no JSON document: use --output ndjson');
  const { filter, from, id = randomUUID(), limit = Number.POSITIVE_INFINITY, verbose } = options;
  const { out, err } = context;
  const output = messageOutput(format, streamLook);
  const enough = new AbortController();
  let left = limit;
  if (left <= 0) return EXIT.ok;
  const print = async (message: RouterMessage): Promise<void> => {
    for (const piece of output.render([message])) await out.write(piece);
    // Acknowledged is only what has left this process.
    if (!(await out.finish())) throw new Error('nobody reads the output any more');
    left -= 1;
    if (left <= 0) enough.abort();
  };
  const onConnected = ({ url }: { url: string }): void => {
    if (verbose || err.isTTY) err.write(`mvault: listening to ${name} at ${url} as ${id}\n`);
  };
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const onProblem = (): void => {};
  await context.client().router(name).listen(print, { id, filter, from, signal, onConnected, onProblem });
  return EXIT.ok;
}
