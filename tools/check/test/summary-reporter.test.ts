import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { folderWith } from './workspace-fixture.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The last line vitest prints when it runs these files with our reporter, and its exit code. */
async function runVitest(
  files: Record<string, string>,
): Promise<{ lastLine: string | undefined; code: unknown }> {
  const root = await folderWith(files);
  const vitest = here('../../../node_modules/vitest/vitest.mjs');
  const reporter = here('../src/summary-reporter.ts');
  const args = [vitest, 'run', '--root', root, '--globals', '--reporter', 'default', '--reporter', reporter];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout) => {
      resolve({ lastLine: stdout.trimEnd().split('\n').at(-1), code: error?.code ?? 0 });
    });
  });
}

it('the last line of a test run counts what passed, failed and was skipped, broken files included', async () => {
  const run = await runVitest({
    'a.test.js': "it('passes', () => {}); it('passes too', () => {}); it['skip']('waits', () => {});",
    'b.test.js': "it('fails', () => { throw new Error('no'); }); it('passes', () => {});",
    'c.test.js': "throw new Error('this file cannot be loaded');",
  });
  expect(run).toEqual({ lastLine: '3 passed, 2 failed, 1 skipped', code: 1 });
});

it('an error outside every test is counted as failed', async () => {
  const run = await runVitest({
    'a.test.js':
      "it('passes', () => { queueMicrotask(() => { throw new Error('nobody waits for this'); }); });",
  });
  expect(run).toEqual({ lastLine: '1 passed, 1 failed, 0 skipped', code: 1 });
});
