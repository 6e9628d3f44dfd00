import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf } from '../src/layers/imports.ts';
import { layerFindings } from '../src/layers/layers.ts';
import { readWorkspace } from '../src/layers/workspace.ts';
import { folderWith, manifest } from './workspace-fixture.ts';

const packages = {
  'libs/framing/package.json': manifest('framing'),
  'libs/framing/src/index.ts': 'export const page = 512;\n',
  'libs/framing/src/inner.ts': 'export const inner = 1;\n',
  'libs/storage/package.json': manifest('storage', { './testing': './src/testing.ts' }),
  'libs/storage/src/index.ts': "export { page } from '@message-vault/framing';\n",
  'libs/storage/src/testing.ts': 'export const memory = 1;\n',
  'libs/log/package.json': manifest('log'),
  'libs/log/src/index.ts': 'export const log = 1;\n',
  'apps/master/package.json': manifest('master'),
  'apps/master/src/index.ts': "import '@message-vault/log';\n",
};

async function findingsWith(files: Record<string, string>): Promise<string[]> {
  return layerFindings(await folderWith({ ...packages, ...files }));
}

describe('layers', () => {
  it('a workspace that keeps the rules has no findings', async () => {
    expect(
      await findingsWith({
        'libs/log/src/index.ts':
          "import '@message-vault/storage';\nimport { zstdCompress } from 'node:zlib';\n",
        'libs/log/test/a.test.ts': "import '@message-vault/storage/testing';\nimport '../src/index.ts';\n",
        'tools/up/package.json': manifest('up'),
        'tools/up/src/index.ts':
          "import '@message-vault/log';\nimport { spawn } from 'node:child_process';\n",
      }),
    ).toEqual([]);
  });

  it.each([
    ['import', "import { log } from '@message-vault/log';"],
    ['import type', "import type { Log } from '@message-vault/log';"],
    ['inline type', "import { type Log } from '@message-vault/log';"],
    ['re-export', "export { log } from '@message-vault/log';"],
    ['re-export of all', "export type * from '@message-vault/log';"],
    ['import()', "export const later = () => import('@message-vault/log');"],
    ['type import()', "export type Later = typeof import('@message-vault/log');"],
    ['side effect', "import '@message-vault/log';"],
  ])('an upward %s is found', async (_kind, line) => {
    const findings = await findingsWith({ 'libs/framing/src/index.ts': `\n${line}\n` });
    expect(findings).toEqual([
      'libs/framing/src/index.ts:2: @message-vault/log: upwards: libs/framing may import of libs/ only runtime',
    ]);
  });

  it('a deep import by name is found', async () => {
    const findings = await findingsWith({
      'libs/log/src/index.ts': "import '@message-vault/framing/src/inner.ts';\n",
    });
    expect(findings).toEqual([expect.stringContaining('has no public door ./src/inner.ts')]);
  });

  it('a relative path into another package is found, even to its door', async () => {
    const findings = await findingsWith({
      'libs/log/src/index.ts': "import '../../framing/src/inner.ts';\nimport '../../framing/src/index.ts';\n",
    });
    expect(findings).toHaveLength(2);
    expect(findings[1]).toContain('imported by its name');
  });

  it('an import that leads nowhere is found', async () => {
    const findings = await findingsWith({ 'libs/log/src/index.ts': "import './gone.ts';\n" });
    expect(findings).toEqual(['libs/log/src/index.ts:1: ./gone.ts: libs/log/src/gone.ts is not there']);
  });

  it('nobody may import an app, not even a test', async () => {
    const findings = await findingsWith({ 'libs/log/test/a.test.ts': "import '@message-vault/master';\n" });
    expect(findings).toEqual([expect.stringContaining('apps are started, never imported')]);
  });

  it('a library must not know of tools, nor sources of tests', async () => {
    const findings = await findingsWith({
      'tools/up/package.json': manifest('up'),
      'tools/up/src/index.ts': '',
      'libs/log/test/helper.ts': '',
      'libs/log/src/index.ts': "import '@message-vault/up';\nimport '../test/helper.ts';\n",
    });
    expect(findings).toEqual([
      expect.stringContaining('libraries know nothing of tools/'),
      expect.stringContaining('sources must not need tests'),
    ]);
  });

  it('the core must not reach for files, sockets or timers, its tests may', async () => {
    const line = "import { readFile } from 'node:fs/promises';\n";
    const findings = await findingsWith({ 'libs/log/src/index.ts': line, 'libs/log/test/a.test.ts': line });
    expect(findings).toEqual([expect.stringMatching(/^libs\/log\/src.*I\/O come in through parameters/)]);
  });

  it('files that import each other in a circle are found, types or not', async () => {
    const findings = await findingsWith({
      'libs/log/src/a.ts': "import './b.ts';\n",
      'libs/log/src/b.ts': "import './c.ts';\n",
      'libs/log/src/c.ts': "import type { A } from './a.ts';\n",
    });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(/in a circle: .*a\.ts → .*b\.ts → .*c\.ts → .*a\.ts/);
  });

  it('a new library without a layer is found', async () => {
    const findings = await findingsWith({
      'libs/fresh/package.json': manifest('fresh'),
      'libs/fresh/src/index.ts': "import '@message-vault/log';\n",
    });
    expect(findings).toEqual([expect.stringContaining('libs/fresh has no layer yet')]);
  });

  it('the repository itself is read: every package of it is known', async () => {
    const workspace = await readWorkspace(fileURLToPath(new URL('../../..', import.meta.url)));
    expect(workspace.packages.map(({ folder }) => folder)).toEqual(
      expect.arrayContaining(['libs/runtime', 'libs/log', 'tools/check', 'apps/cli']),
    );
    expect(workspace.files).toContain('tools/check/src/main.ts');
  });
});

describe('imports of a source', () => {
  it('are found beside syntax that is new', () => {
    const source =
      "import a from './a.ts';\nawait using x = open();\nconst re = /(?i:x)/v;\nimport b from './b.json' with { type: 'json' };\n";
    expect(importsOf('x.ts', source)).toEqual([
      { specifier: './a.ts', line: 1 },
      { specifier: './b.json', line: 4 },
    ]);
  });

  it('are not made up from comments and strings', () => {
    expect(importsOf('x.ts', "// import './a.ts'\nconst s = \"import './b.ts'\";\n")).toEqual([]);
  });

  it('of a source that does not parse are an error naming the file', () => {
    expect(() => importsOf('libs/x.ts', 'import {')).toThrow(/libs\/x\.ts/);
  });
});
