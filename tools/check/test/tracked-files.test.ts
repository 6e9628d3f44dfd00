import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { trackedFileFindings } from '../src/tracked-files.ts';
import { folderWith } from './workspace-fixture.ts';

/** Findings in a repository that tracks these files. */
async function findingsIn(files: Record<string, string>): Promise<string[]> {
  const root = await folderWith(files);
  track(root);
  return trackedFileFindings(root);
}

function track(root: string): void {
  execFileSync('git', ['init', '-q'], { cwd: root });
  execFileSync('git', ['add', '-A'], { cwd: root });
}

// Put together here so that this very file has none of what is looked for.
const home = ['', 'home', 'ada', 'vault'].join('/');
const registry = ['registry', 'npmjs', 'org'].join('.');
const mark = ['TO', 'DO'].join('');

describe('tracked files', () => {
  it('of a clean repository give no findings', async () => {
    expect(
      await findingsIn({
        'README.md': 'Data stays in .vault/, see /-/health/ready and /home.\n',
        'libs/log/src/a.ts': 'export const now = (runtime: { now(): number }) => runtime.now();\n',
        'package-lock.json':
          '{"packages":{"node_modules/x":{"version":"1.0.0"},"libs/log":{"resolved":"libs/log"}}}',
      }),
    ).toEqual([]);
  });

  it.each([
    ['docs/a.md', `see ${home}/x`, 'a path of somebody'],
    ['docs/a.md', `C:${'\\'}Users${'\\'}ada`, 'a path of somebody'],
    ['.npmrc', `registry=https://${registry}/`, 'the address of a package registry'],
    ['libs/http/src/a.ts', `// ${mark}: later`, 'an unfinished mark'],
    ['libs/http/test/a.test.ts', `${'it'}.only('x', () => {});`, 'a test that is focused'],
    ['libs/http/src/a.ts', `// @ts-${'ignore'}`, 'a type check switched off'],
    ['libs/log/src/a.ts', 'const at = Date.now();', 'ambient time'],
    ['libs/election/src/a.ts', 'setTimeout(fire, 5);', 'ambient time'],
  ])('%s with «%s» is %s', async (path, text, says) => {
    expect(await findingsIn({ [path]: `\n${text}\n` })).toEqual([
      expect.stringContaining(`${path}:2: ${says}`),
    ]);
  });

  it('that name the folder of the repository are found wherever that is', async () => {
    const root = await folderWith({});
    await writeFile(`${root}/notes.md`, `run it in ${root}/libs\n`);
    track(root);
    expect(await trackedFileFindings(root)).toEqual([
      expect.stringContaining('notes.md:1: a path of this machine'),
    ]);
  });

  it('with a download address in the lock file are found', async () => {
    const lock = {
      packages: { 'node_modules/x': { version: '1.0.0', resolved: `https://${registry}/x.tgz` } },
    };
    expect(await findingsIn({ 'package-lock.json': JSON.stringify(lock) })).toEqual([
      expect.stringContaining('node_modules/x has a download address'),
    ]);
  });

  it('that are too long are found', async () => {
    const findings = await findingsIn({
      'libs/http/src/long.ts': 'export {};\n'.repeat(401),
      'libs/http/src/just-right.ts': 'export {};\n'.repeat(400),
      'docs/long.md': 'word\n'.repeat(401),
    });
    expect(findings).toEqual([expect.stringContaining('libs/http/src/long.ts: 401 lines')]);
  });

  it('that are not tracked, or are golden bytes, are nobody’s business', async () => {
    const root = await folderWith({ 'x/golden/a.txt': `${home}/\n` });
    track(root);
    await writeFile(`${root}/loose.md`, `${home}/\n`);
    expect(await trackedFileFindings(root)).toEqual([]);
  });
});
