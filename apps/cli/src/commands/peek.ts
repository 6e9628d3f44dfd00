import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import { messageOutput } from '../message-output.ts';
import { type OutputOptions, outputFormat, outputOption } from '../output-options.ts';
import { queueLook } from '../queue-output.ts';
import { wholeNumber } from '../units.ts';

interface PeekCommandOptions extends CommonOptions, OutputOptions {
  readonly limit: number;
}

const HELP = `
  mvault peek myapp/audit
  mvault peek myapp/audit/dead-letter      # with the reasons
`;

export const peekCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('peek'))
      .argument('<queue>', 'the queue; <name>/dead-letter is one as well')
      .description('print the next messages of a queue without taking them')
      .option('--limit <count>', 'at most so many, up to 32', wholeNumber, 10)
      .addOption(outputOption())
      .addHelpText('after', HELP)
      .action((name: string, options: PeekCommandOptions) =>
        runCommand(options, (context) => peek(context, name, options)),
      );
  },
};

async function peek(context: CommandContext, name: string, options: PeekCommandOptions): Promise<number> {
  const { limit } = options;
  const output = messageOutput(outputFormat(options), queueLook({ withLock: false }));
  const messages = await context.client().queue(name).peek({ limit, signal: context.signal });
  await context.out.write(output.opening);
  for (const piece of output.render(messages)) await context.out.write(piece);
  await context.out.write(output.closing);
  return EXIT.ok;
}
