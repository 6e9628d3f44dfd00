import { parseArgs } from 'node:util';
import { type Check, checks } from './checks.ts';
import { type CheckResult, runAll } from './run.ts';

const help = `npm run check [-- NAME…]

Runs the checks of this repository (all of them, or those named) and ends with 1 if one fails:

${checks.map((check) => `  ${check.name.padEnd(10)} ${check.finds}`).join('\n')}

  --help     this text
`;

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`No check is called ${unknown.join(', ')}.\n\n${help}`);
    return 2;
  }
  const chosen = names.length === 0 ? checks : checks.filter((check) => names.includes(check.name));
  const results = await runAll(chosen, show);
  const failed = results.filter((result) => !result.ok);
  process.stdout.write(
    failed.length === 0
      ? `\nAll ${results.length} checks passed.\n`
      : `\n${failed.length} of ${results.length} checks failed: ${failed.map((result) => result.check.name).join(', ')}\n`,
  );
  return failed.length === 0 ? 0 : 1;
}

/** One line for a check that passed; everything it said for one that did not. */
function show(result: CheckResult): void {
  const line = `${result.ok ? 'ok    ' : 'FAILED'}  ${title(result.check)}  ${(result.tookMs / 1000).toFixed(1)} s\n`;
  process.stdout.write(result.ok ? line : `${line}${indent(result.output)}\n`);
}

const title = (check: Check): string => check.name.padEnd(10);

const indent = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `        ${line}`.trimEnd())
    .join('\n');

const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
if (values.help) process.stdout.write(help);
else process.exitCode = await main(positionals);
