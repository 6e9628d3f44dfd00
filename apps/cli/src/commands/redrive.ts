import { isVaultClientError, type VaultClient } from '@message-vault/client';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import { countText, plural } from '../text.ts';
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
  const redriven = await redriveAll(context, name, options.limit);
  const { moved, left } = redriven;
  await context.out.answer(options, { name, moved, left }, `${toText(name, redriven)}\n`);
  return EXIT.ok;
}

interface Redriven {
  readonly moved: number;
  /** Dead letters there are still, as storage counts them; undefined when that can't be said. */
  readonly left: number | undefined;
  /** What keeps them there, if it is not just that they were not asked for. */
  readonly why: string | undefined;
}

function toText(name: string, { moved, left, why }: Redriven): string {
  const back = `${plural(moved, 'message')} back in ${name}`;
  if (!left) return back;
  return `${back}, ${countText(left)} left in ${name}/dead-letter${why === undefined ? '' : `: ${why}`}`;
}

/** A node moves so many at a time. What is dead-lettered once more meanwhile is left where it is. */
async function redriveAll(
  { client, signal }: CommandContext,
  name: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<Redriven> {
  const vault = client();
  const { role, deadLettered } = await deadLettersOf(vault, name, signal);
  // Storage counts approximately: something may be there though it says there is nothing.
  const wanted = Math.min(limit, Math.max(1, deadLettered));
  let moved = 0;
  while (moved < wanted) {
    // Of a router it is the same request.
    const now = await vault.queue(name).redrive({ limit: Math.min(MAX_AT_ONCE, wanted - moved), signal });
    moved += now;
    if (now === 0) break;
  }
  return { moved, left: await leftOf(vault, name, signal), why: moved < wanted ? KEPT[role] : undefined };
}

/** What was moved is worth telling even if nobody can say what is left. */
async function leftOf(vault: VaultClient, name: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    return (await deadLettersOf(vault, name, signal)).deadLettered;
  } catch (error) {
    if (isVaultClientError(error)) return undefined;
    throw error;
  }
}

/** Why there are dead letters that don't come back. */
const KEPT = {
  stream: undefined,
  queue: 'somebody has them under lock',
  router: 'whom they were for did not take them, or is no more',
} as const;

async function deadLettersOf(vault: VaultClient, name: string, signal: AbortSignal) {
  const stats = await vault.name(name).stats({ signal });
  return { role: stats.role, deadLettered: stats.role === 'stream' ? 0 : (stats.deadLettered ?? 0) };
}
