import { type Command, CommanderError } from 'commander';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { EXIT, exitCodeOf } from '../src/exit.ts';
import { createProgram } from '../src/main.ts';
import { commands } from '../src/registry.ts';

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/** What the command line is refused with, and what Commander said of it. */
async function refusal(args: readonly string[]): Promise<{ code: number | undefined; said: string }> {
  const said: string[] = [];
  const program = createProgram();
  for (const command of allOf(program)) {
    command.configureOutput({ writeErr: (text) => said.push(text), writeOut: (text) => said.push(text) });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    const code = error instanceof CommanderError ? EXIT.usage : exitCodeOf(error);
    return { code, said: `${said.join('')} ${error instanceof Error ? error.message : ''}` };
  }
  throw new Error('it was accepted');
}

describe('wrong usage is refused before anything is done', () => {
  const cases: readonly (readonly [line: string, word: string])[] = [
    ['read', 'name'],
    ['read x --limit -1', 'limit'],
    ['read x --output xml', 'Allowed choices'],
    ['tail x --output json', 'ndjson'],
    ['publish x --message x --file y', 'not both'],
    ['publish x --key k', '--key-field'],
    ['publish x --header nonsense', 'name=value'],
    ['publish x --batch-bytes many', 'size'],
    ['publish x --format xml', 'Allowed choices'],
    ['names --url localhost', '--url'],
    ['receive x --ack --lock', 'give one of them'],
    ['receive x --limit 0', 'at least 1'],
    ['receive x --concurrency 0', '1 to 64'],
    ['receive x --follow --output json', 'ndjson'],
    ['receive x --wait soon', 'duration'],
    ['listen x --output json', 'ndjson'],
    ['subscribe x', '--to'],
    ['subscribe x --to y --expires tomorrow', '+7d'],
    ['subscriptions x --pause a --resume b', 'one of'],
    ['relay x --to localhost:3000', 'http'],
    ['redrive x --limit many', 'whole number'],
    ['names set x --role nonsense', 'Allowed choices'],
    ['names set x --lock-duration soon', 'duration'],
    ['names set x --max-message-size big', 'size'],
    ['names set x --poison-message-drop maybe', 'true or false'],
    ['publish x --delay soon', 'duration'],
    ['nonsense', 'unknown command'],
    ['cluster takeover', 'too many arguments'],
  ];
  for (const [line, word] of cases) {
    test(`mvault ${line}`, async () => {
      const { code, said } = await refusal(line.split(' '));
      expect(code).toBe(EXIT.usage);
      expect(said).toContain(word);
    });
  }
});

test('an empty MVAULT_STORAGE is none, for commands as for nodes', async () => {
  vi.stubEnv('MVAULT_STORAGE', '');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { code, said } = await refusal(['rotate-secret']);
  expect(code).toBe(EXIT.usage);
  expect(said).toContain('--storage or MVAULT_STORAGE is needed');
});

test('every command of the registry is there, speaks JSON, and is described', () => {
  const program = createProgram();
  expect(program.commands).toHaveLength(commands.length);
  for (const command of allOf(program).slice(1)) {
    expect(command.description(), command.name()).not.toBe('');
    expect(
      command.options.map(({ long }) => long),
      command.name(),
    ).toContain('--json');
  }
});
