import type { ReadFrom, SubscriptionTarget } from '@message-vault/client';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import { FROM_HELP, parseFrom } from '../from.ts';
import { subscriptionJson, targetText } from '../subscription-text.ts';
import { instantMs } from '../units.ts';

interface SubscribeCommandOptions extends CommonOptions {
  readonly to: string;
  readonly from?: ReadFrom;
  readonly filter?: string;
  readonly expires?: number;
  readonly secret?: string;
}

const HELP = `
  mvault subscribe myapp/jobs --to myapp/audit
  mvault subscribe myapp/jobs --to myapp/urgent --filter "header('priority') = 'high'"
  mvault subscribe myapp/jobs --to https://example.com/hook --from earliest
`;

export const subscribeCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('subscribe'))
      .argument('<router>', 'the router')
      .description('send what flows through a router on to a queue, router, stream or webhook')
      .requiredOption('--to <target>', 'a name, or the URL of a webhook')
      .option(
        '--from <place>',
        `where to begin (default: with what comes from now on): ${FROM_HELP}`,
        parseFrom,
      )
      .option('--filter <condition>', 'only messages it holds for, see docs/filters.md')
      .option('--expires <time>', 'when it ends by itself: 2026-11-20T07:00:00Z, or +7d from now', instantMs)
      .option('--secret <secret>', 'webhooks: what deliveries are signed with (default: the node makes one)')
      .addHelpText('after', HELP)
      .action((name: string, options: SubscribeCommandOptions) =>
        runCommand(options, (context) => subscribe(context, name, options)),
      );
  },
};

function parseTarget(text: string): SubscriptionTarget {
  return /^https?:\/\//i.test(text) ? { webhook: text } : { name: text };
}

async function subscribe(
  context: CommandContext,
  name: string,
  options: SubscribeCommandOptions,
): Promise<number> {
  const { to, from, filter, expires, secret } = options;
  const subscription = await context
    .client()
    .router(name)
    .subscribe(parseTarget(to), {
      from,
      filter,
      secret,
      expires: expires === undefined ? undefined : new Date(expires),
      signal: context.signal,
    });
  const told = `${name} → ${targetText(subscription.target)}, subscription ${subscription.id}\n`;
  await context.out.write(options.json ? `${JSON.stringify(subscriptionJson(subscription))}\n` : told);
  if (!options.json && subscription.secret !== undefined)
    await context.out.write(`secret, told only now: ${subscription.secret}\n`);
  return EXIT.ok;
}
