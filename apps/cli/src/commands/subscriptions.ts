import type { RouterHandle, Subscription } from '@message-vault/client';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { CommandFailure, EXIT, UsageError } from '../exit.ts';
import { subscriptionJson, targetText } from '../subscription-text.ts';
import { columns, countText, printable } from '../text.ts';

interface SubscriptionsCommandOptions extends CommonOptions {
  readonly pause?: string;
  readonly resume?: string;
  readonly rotateSecret?: string;
}

const HELP = `
A subscription is named by its id or, where there is only one, by its target.

  mvault subscriptions myapp/jobs
  mvault subscriptions myapp/jobs --pause myapp/audit
  mvault subscriptions myapp/jobs --resume myapp/audit
`;

export const subscriptionsCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('subscriptions'))
      .argument('<router>', 'the router')
      .description('who gets the messages of a router, how far each is behind, and why')
      .option('--pause <subscription>', 'deliver nothing to it until it is resumed')
      .option('--resume <subscription>', 'go on where it was paused')
      .option('--rotate-secret <subscription>', 'give a webhook another secret')
      .addHelpText('after', HELP)
      .action((name: string, options: SubscriptionsCommandOptions) =>
        runCommand(options, (context) => subscriptions(context, name, options)),
      );
  },
};

export const unsubscribeCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('unsubscribe'))
      .argument('<router>', 'the router')
      .argument('<subscription>', 'its id or, where there is only one, its target')
      .description('end a subscription')
      .addHelpText('after', '\n  mvault unsubscribe myapp/jobs myapp/audit\n')
      .action((name: string, which: string, options: CommonOptions) =>
        runCommand(options, (context) => unsubscribe(context, name, which, options)),
      );
  },
};

async function subscriptions(
  context: CommandContext,
  name: string,
  options: SubscriptionsCommandOptions,
): Promise<number> {
  const { pause, resume, rotateSecret } = options;
  if ([pause, resume, rotateSecret].filter((each) => each !== undefined).length > 1)
    throw new UsageError('give one of --pause, --resume and --rotate-secret');
  const router = context.client().router(name);
  const { signal } = context;
  if (rotateSecret !== undefined) return await rotate(context, router, rotateSecret, options);
  const which = pause ?? resume;
  if (which !== undefined) {
    const { id } = await find(context, router, which);
    await (pause === undefined ? router.resume(id, { signal }) : router.pause(id, { signal }));
  }
  const list = await router.subscriptions({ signal });
  await context.out.answer(options, list.map(subscriptionJson), table(list));
  return EXIT.ok;
}

async function rotate(
  context: CommandContext,
  router: RouterHandle,
  which: string,
  options: CommonOptions,
): Promise<number> {
  const { id } = await find(context, router, which);
  const secret = await router.rotateSecret(id, { signal: context.signal });
  await context.out.answer(options, { id, secret }, `${secret}\n`);
  return EXIT.ok;
}

async function unsubscribe(
  context: CommandContext,
  name: string,
  which: string,
  options: CommonOptions,
): Promise<number> {
  const router = context.client().router(name);
  const { id, target } = await find(context, router, which);
  await router.unsubscribe(id, { signal: context.signal });
  await context.out.answer(options, { id, target }, `${name} no longer goes to ${targetText(target)}\n`);
  return EXIT.ok;
}

async function find(context: CommandContext, router: RouterHandle, which: string): Promise<Subscription> {
  const list = await router.subscriptions({ signal: context.signal });
  const found = list.filter(({ id, target }) => id === which || targetText(target) === which);
  const [one, another] = found;
  if (one === undefined)
    throw new CommandFailure(`${router.name} has no subscription ${which}`, EXIT.notFound);
  if (another !== undefined) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new CommandFailure(`${router.name} goes to ${which} several times: say which (${ids})`);
  }
  return one;
}

function table(list: readonly Subscription[]): string {
  if (list.length === 0) return 'no subscriptions\n';
  const rows = list.map(({ id, target, state, lag, filter, lastError }) => [
    targetText(target),
    state,
    lag === undefined ? '-' : countText(lag),
    id,
    [filter, lastError === undefined ? undefined : `last error: ${lastError}`]
      .filter((text) => text !== undefined)
      .map(printable)
      .join('; '),
  ]);
  return columns([['to', 'state', 'lag', 'id', ''], ...rows]);
}
