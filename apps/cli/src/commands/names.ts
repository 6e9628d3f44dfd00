import type { NamePolicy } from '@message-vault/client';
import type { Command } from 'commander';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import { addPolicyOptions, policyOf } from '../names/policy-options.ts';
import { setPolicy } from '../names/set-policy.ts';
import { type TreeOptions, tree } from '../names/tree.ts';
import { columns } from '../text.ts';

const HELP = `
  mvault names                                   list all
  mvault names logs/                             list those that begin so (also: names ls logs/)
  mvault names set myapp/audit --role queue --lock-duration 60s
  mvault names get myapp/audit
  mvault names tree myapp                        roles and depths
  mvault names tree myapp --dot | dot -Tsvg      what goes where, as a picture
`;

const SET_HELP = `
Gives a name a role, or changes the policy of one that has it: fields that are not given stay as they are. In
parentheses: the roles that have a field. Durations are like 60s, 5m, 7d or PT60S, sizes like 64KiB.

  mvault names set myapp/audit --role queue --lock-duration 60s --max-message-age 7d
  mvault names set myapp/jobs --role router --distribution all
  mvault names set myapp/audit --lock-duration 5m
`;

const RM_HELP = `
All it holds goes with it: messages, subscriptions, dead letters. The name can be given another role at once.

  mvault names rm myapp/audit
`;

const ROLE_TEXTS: Readonly<Record<NamePolicy['role'], string>> = {
  stream: 'a stream',
  queue: 'a queue',
  router: 'a router',
  'connection-point': 'a connection point',
  metadata: 'a reference',
};

export const namesCommand: CommandModule = {
  register(program) {
    const names = withCommonOptions(program.command('names'))
      .argument('[prefix]', 'only names that begin with it', '')
      .description('list names and their roles; set, get, rm, ls, tree')
      .addHelpText('after', HELP)
      .action((prefix: string, options: CommonOptions) =>
        runCommand(options, (context) => list(context, prefix, options)),
      );
    registerList(names);
    registerPolicies(names);
    registerTree(names);
  },
};

/** Options given before the subcommand count as well. */
interface Invoked {
  optsWithGlobals<Options>(): Options;
}

function registerList(names: Command): void {
  withCommonOptions(names.command('ls'))
    .argument('[prefix]', 'only names that begin with it', '')
    .description('list names and their roles')
    .action((prefix: string, _options: unknown, command: Invoked) => {
      const options = command.optsWithGlobals<CommonOptions>();
      return runCommand(options, (context) => list(context, prefix, options));
    });
}

function registerPolicies(names: Command): void {
  addPolicyOptions(withCommonOptions(names.command('set')).argument('<name>', 'the name'))
    .description('give a name a role, or change its policy')
    .addHelpText('after', SET_HELP)
    .action((name: string, _options: unknown, command: Invoked) => {
      const options = command.optsWithGlobals<CommonOptions & Record<string, unknown>>();
      return runCommand(options, (context) => set(context, name, options));
    });
  withCommonOptions(names.command('get'))
    .argument('<name>', 'the name')
    .description('the policy in force')
    .action((name: string, _options: unknown, command: Invoked) => {
      const options = command.optsWithGlobals<CommonOptions>();
      return runCommand(options, async (context) => {
        const found = await context.client().name(name).policy({ signal: context.signal });
        return await show(context, found, options);
      });
    });
  withCommonOptions(names.command('rm'))
    .argument('<name>', 'the name')
    .description('take the role of a name away, and remove all it holds')
    .addHelpText('after', RM_HELP)
    .action((name: string, _options: unknown, command: Invoked) => {
      const options = command.optsWithGlobals<CommonOptions>();
      return runCommand(options, (context) => remove(context, name, options));
    });
}

function registerTree(names: Command): void {
  withCommonOptions(names.command('tree'))
    .argument('[name]', 'the name to begin at (default: all)', '')
    .description('the namespace as a tree, with roles and depths')
    .option('--dot', 'what goes where, for Graphviz')
    .addHelpText('after', '\n  mvault names tree myapp --dot | dot -Tsvg > myapp.svg\n')
    .action((name: string, _options: unknown, command: Invoked) => {
      const options = command.optsWithGlobals<CommonOptions & TreeOptions>();
      return runCommand(options, (context) => tree(context, name, options));
    });
}

async function list(context: CommandContext, prefix: string, options: CommonOptions): Promise<number> {
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

async function set(
  context: CommandContext,
  name: string,
  options: CommonOptions & Record<string, unknown>,
): Promise<number> {
  const handle = context.client().name(name);
  const { made, found } = await setPolicy(handle, policyOf(options), context.signal);
  const text = made ? `${name} is ${ROLE_TEXTS[found.role]} now\n` : `the policy of ${name} has changed\n`;
  await context.out.answer(options, found.policy, text);
  return EXIT.ok;
}

async function show(context: CommandContext, found: NamePolicy, options: CommonOptions): Promise<number> {
  const rows = Object.entries(found.policy).map(([field, value]) => [field, String(value)]);
  await context.out.answer(options, found.policy, columns(rows));
  return EXIT.ok;
}

async function remove(context: CommandContext, name: string, options: CommonOptions): Promise<number> {
  await context.client().name(name).remove({ signal: context.signal });
  await context.out.answer(options, { name, role: 'none' }, `${name} has no role now\n`);
  return EXIT.ok;
}
