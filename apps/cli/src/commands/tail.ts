import type { ReadFrom } from '@message-vault/client';
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
import { limited, type OutputOptions, outputFormat, outputOption } from '../output-options.ts';
import { wholeNumber } from '../units.ts';

interface TailCommandOptions extends CommonOptions, OutputOptions {
  readonly from: ReadFrom;
  readonly limit?: number;
  readonly verbose?: true;
}

const HELP = `
Goes on where it was when a node dies or the leader changes: nothing is missed, nothing printed twice. Ends with Ctrl-C.
A stream that does not exist yet is waited for, and shown from its beginning.
`;

export const tailCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('tail'))
      .argument('<name>', 'the stream')
      .description('print new messages as they are published')
      .option('--from <place>', FROM_HELP, parseFrom, 'latest')
      .option('--limit <count>', 'stop after so many messages', wholeNumber)
      .addOption(outputOption())
      .option('--verbose', 'say on standard error what is waited for, as on a terminal')
      .addHelpText('after', HELP)
      .action((name: string, options: TailCommandOptions) =>
        runCommand(options, (context) => tail(context, name, options)),
      );
  },
};

async function tail(context: CommandContext, name: string, options: TailCommandOptions): Promise<number> {
  const { from, limit } = options;
  const format = outputFormat(options);
  if (format === 'json')
    throw new UsageError('a tail has no end, so it is no JSON document: use --output ndjson');
  const output = messageOutput(format, streamLook);
  const onAbsent = (): void => {
    if (options.verbose || context.err.isTTY)
      context.err.write(`mvault: there is no ${name} yet; waiting for its first message\n`);
  };
  const chunks = context.client().tailChunks(name, { from, limit, onAbsent, signal: context.signal });
  for await (const messages of limited(chunks, limit)) {
    for (const piece of output.render(messages)) await context.out.write(piece);
  }
  return EXIT.ok;
}
