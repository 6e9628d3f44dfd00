import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import { plural } from '../text.ts';
import { wholeNumber } from '../units.ts';

interface RedriveCommandOptions extends CommonOptions {
  readonly limit?: number;
}

const HELP = `
  mvault peek myapp/audit/dead-letter         # what is there, and why
  mvault redrive myapp/audit                  # back into the queue
  mvault redrive myapp/jobs --limit 100       # of a router: through it again
`;

export const redriveCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('redrive'))
      .argument('<name>', 'the queue or router')
      .description('send dead-lettered messages back to where they came from')
      .option('--limit <count>', 'at most so many', wholeNumber)
      .addHelpText('after', HELP)
      .action((name: string, options: RedriveCommandOptions) =>
        runCommand(options, (context) => redrive(context, name, options)),
      );
  },
};

async function redrive(
  context: CommandContext,
  name: string,
  options: RedriveCommandOptions,
): Promise<number> {
  const { limit } = options;
  // A queue and a router are told alike.
  const moved = await context.client().queue(name).redrive({ limit, signal: context.signal });
  await context.out.write(
    options.json ? `${JSON.stringify({ name, moved })}\n` : `${plural(moved, 'message')} back in ${name}\n`,
  );
  return EXIT.ok;
}
