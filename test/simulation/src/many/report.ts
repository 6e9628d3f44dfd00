import { execFileSync } from 'node:child_process';
import { profileOf } from '../run/profiles.ts';
import type { Outcome } from '../run/simulate.ts';

const LINES_BEFORE = 120;
const LINES_AFTER = 10;
const READ_WELL = / (readRange|listSegments|writtenRanges|get|isHeld) .*: (ok|read|not_modified|not_found)$/;

/** What somebody needs who wants to understand a failure: which run, of which code, what broke, and what led to it. */
export function describeFailure(outcome: Outcome, options: { whole: boolean }): string {
  const { seed, findings, setup } = outcome;
  const broken = findings.map(({ rule, detail, atMs }) => `  ${rule} at ${Math.round(atMs)} ms: ${detail}`);
  const faults = setup.faults.map((fault) => `  ${JSON.stringify(fault)}`);
  const profile = profileOf(setup);
  const again = `npm run sim --${profile === undefined ? '' : ` --profile ${profile}`} --seed ${seed} --trace`;
  return [
    `FAILED seed ${seed} at commit ${commit()}; again with: ${again}`,
    ...broken,
    `the faults it needs, calm at ${setup.calmAtMs} ms:`,
    ...(faults.length > 0 ? faults : ['  none but the weather']),
    `weather: ${JSON.stringify(setup.weather)}`,
    'trace (virtual milliseconds, who, what):',
    ...(options.whole ? outcome.trace : around(outcome.trace)),
    'to keep it, this goes to seeds.json:',
    JSON.stringify({ seed, found: findings[0]?.detail, setup }),
    '',
  ].join('\n');
}

/** The part of the trace around the first thing found, and every fault before it. */
function around(trace: readonly string[]): string[] {
  const found = trace.findIndex((line) => line.includes(' CHECK '));
  const at = found < 0 ? trace.length : found;
  const before = trace.slice(0, at).filter((line) => !READ_WELL.test(line));
  const faults = before.slice(0, -LINES_BEFORE).filter((line) => / (FAULT|CALM|storage) /.test(line));
  const near = before.slice(-LINES_BEFORE);
  const leftOut = at - faults.length - near.length;
  return [
    ...faults,
    `  … ${leftOut} lines left out, reads that went well among them …`,
    ...near,
    ...trace.slice(at, at + LINES_AFTER),
  ];
}

/** The commit that runs, as far as it can be known. */
export function commit(): string {
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return 'unknown'; // No git, no repository: the seed still stands.
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
