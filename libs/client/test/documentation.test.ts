import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createNode, type VaultNode } from '@message-vault/node';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const page = fileURLToPath(new URL('../../../docs/embedding.md', import.meta.url));
/** Below this package, so that the programs find what they import. */
const programs = fileURLToPath(new URL(`./.programs-${process.pid}`, import.meta.url));

/** Types are stripped once for all the programs. */
const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'mvault-test-compile-cache') };

let azurite: Azurite;
let nodes: VaultNode[];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mvault-docs-'));
  await mkdir(programs);
  azurite = await startAzurite({ inMemory: true });
  const common = { port: 0, storage: azurite.connectionString, logLevel: 'silent' } as const;
  const master = await createNode({ ...common, nodeId: 'master-1', app: 'master' });
  const reader = await createNode({ ...common, nodeId: 'reader-1', app: 'reader' });
  nodes = [master, master, reader];
});

afterAll(async () => {
  for (const node of new Set(nodes?.toReversed())) await node.stop();
  await azurite?.stop();
  await rm(programs, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

const text = await readFile(page, 'utf8');
const blocks = [...text.matchAll(/^## (?<title>.+?)$|^```ts\n(?<code>.*?)^```$/gms)].reduce<
  { title: string; code: string }[]
>((found, { groups }) => {
  const title = groups?.title ?? found.at(-1)?.title ?? '';
  found.push({ title, code: groups?.code ?? '' });
  return found;
}, []);

describe('docs/embedding.md', () => {
  for (const [index, { title, code }] of blocks.entries()) {
    if (code === '') continue;
    test(`the program under "${title}" (${index}) runs`, async () => {
      const file = join(programs, `program-${index}.ts`);
      const here = code.replaceAll(
        /http:\/\/127\.0\.0\.1:700([123])/g,
        (usual, digit) => nodes[Number(digit) - 1]?.url ?? usual,
      );
      await writeFile(file, here);
      const { stderr, stdout } = await run(process.execPath, [file], { cwd: folder, env, timeout: 60_000 });
      expect(stderr).toBe('');
      expect(stdout).not.toBe('');
    });
  }

  test('has programs', () => {
    expect(blocks.filter(({ code }) => code !== '').length).toBeGreaterThan(10);
  });
});
