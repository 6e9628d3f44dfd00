import type { ReadFrom, RouterHandle, Subscription, SubscriptionTarget } from '@message-vault/client';
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
  const router = context.client().router(name);
  const already = await sameAs(context, router, options);
  const subscription = already ?? (await make(context, router, options));
  const target = targetText(subscription.target);
  const is = already === undefined ? 'subscription' : 'is there already: subscription';
  const secret = subscription.secret === undefined ? '' : `secret, told only now: ${subscription.secret}\n`;
  const text = `${name} → ${target}, ${is} ${subscription.id}\n${secret}`;
  await context.out.answer(options, subscriptionJson(subscription), text);
  return EXIT.ok;
}

/** Said again, it is not done twice: nobody wants everything double. With another filter or place it is something else. */
async function sameAs(
  context: CommandContext,
  router: RouterHandle,
  { to, from, filter, expires, secret }: SubscribeCommandOptions,
): Promise<Subscription | undefined> {
  if (from !== undefined || expires !== undefined || secret !== undefined) return undefined;
  const list = await router.subscriptions({ signal: context.signal });
  return list.find(
    (each) => targetText(each.target) === to && each.filter === filter && each.state !== 'ended',
  );
}

function make(
  { signal }: CommandContext,
  router: RouterHandle,
  { to, from, filter, expires, secret }: SubscribeCommandOptions,
): Promise<Subscription> {
  return router.subscribe(parseTarget(to), {
    from,
    filter,
    secret,
    expires: expires === undefined ? undefined : new Date(expires),
    signal,
  });
}
