import type { ReadFrom } from '@message-vault/client';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import { FROM_HELP, parseFrom } from '../from.ts';
import { messageOutput, streamLook } from '../message-output.ts';
import { limited, type OutputOptions, outputFormat, outputOption } from '../output-options.ts';
import { wholeNumber } from '../units.ts';

interface ReadCommandOptions extends CommonOptions, OutputOptions {
  readonly from: ReadFrom;
  readonly limit?: number;
  readonly direct?: true;
}

const HELP = `
  mvault read orders --from time:-1h
  mvault read orders --from last:10 --output json
  mvault read orders --output values > copy.ndjson     # the file that was published, to the last byte
`;

export const readCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('read'))
      .argument('<name>', 'the stream')
      .description('print the messages there are')
      .option('--from <place>', FROM_HELP, parseFrom, 'earliest')
      .option('--limit <count>', 'stop after so many messages', wholeNumber)
      .addOption(outputOption())
      .option('--direct', 'read from the storage itself; a node is asked for access only')
      .addHelpText('after', HELP)
      .action((name: string, options: ReadCommandOptions) =>
        runCommand(options, (context) => read(context, name, options)),
      );
  },
};

async function read(context: CommandContext, name: string, options: ReadCommandOptions): Promise<number> {
  const { from, limit } = options;
  const output = messageOutput(outputFormat(options), streamLook);
  const client = context.client();
  const request = { from, limit, signal: context.signal };
  const chunks = options.direct ? client.readDirectChunks(name, request) : client.readChunks(name, request);
  let opened = false;
  for await (const messages of limited(chunks, limit)) {
    // Not before there is an answer: a name that is none leaves the output empty.
    if (!opened) await context.out.write(output.opening);
    opened = true;
    for (const piece of output.render(messages)) await context.out.write(piece);
  }
  await context.out.write(opened ? output.closing : `${output.opening}${output.closing}`);
  return EXIT.ok;
}
