import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';

const HELP = `
  mvault names
  mvault names logs/
`;

export const namesCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('names'))
      .argument('[prefix]', 'only names that begin with it', '')
      .description('list names and their roles')
      .addHelpText('after', HELP)
      .action((prefix: string, options: CommonOptions) =>
        runCommand(options, (context) => names(context, prefix, options)),
      );
  },
};

async function names(context: CommandContext, prefix: string, options: CommonOptions): Promise<number> {
  let separator = '\n';
  if (options.json) await context.out.write('[');
  for await (const entry of context.client().names({ prefix, signal: context.signal })) {
    await context.out.write(
      options.json ? `${separator}${JSON.stringify(entry)}` : `${entry.name}\t${entry.role}\n`,
    );
    separator = ',\n';
  }
  if (options.json) await context.out.write('\n]\n');
  return EXIT.ok;
}
