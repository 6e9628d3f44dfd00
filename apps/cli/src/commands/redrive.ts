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

/** Of one request. */
const MAX_AT_ONCE = 1000;

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
  const moved = await redriveAll(context, name, options.limit);
  await context.out.write(
    options.json ? `${JSON.stringify({ name, moved })}\n` : `${plural(moved, 'message')} back in ${name}\n`,
  );
  return EXIT.ok;
}

/** A node moves so many at a time. What is dead-lettered once more meanwhile is left where it is. */
async function redriveAll(
  { client, signal }: CommandContext,
  name: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<number> {
  const vault = client();
  const stats = await vault.name(name).stats({ signal });
  const { deadLettered = 0 } = stats.role === 'stream' ? {} : stats;
  // Storage counts approximately: something may be there though it says there is nothing.
  const wanted = Math.min(limit, Math.max(1, deadLettered));
  let moved = 0;
  while (moved < wanted) {
    // Of a router it is the same request.
    const now = await vault.queue(name).redrive({ limit: Math.min(MAX_AT_ONCE, wanted - moved), signal });
    moved += now;
    if (now === 0) break;
  }
  return moved;
}
