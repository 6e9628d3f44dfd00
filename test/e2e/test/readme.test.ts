import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, getJson, type LocalCluster, localCluster } from './support/local-cluster.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

/** Follows a stream until it is stopped. */
const endless = /mvault tail|curl -N/;

let local: LocalCluster;
let blocks: { language: string; code: string }[];

beforeAll(async () => {
  local = await localCluster({ slaves: 1, readers: 1 });
  const readme = await readFile(join(repository, 'README.md'), 'utf8');
  blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
    language,
    code,
  }));
});
afterAll(() => local.stop());

/** The README speaks of the usual ports and folder; the test has others. */
function here(code: string): string {
  const ports: Record<string, string> = {
    '127.0.0.1:7001': new URL(local.node('master').url).host,
    '127.0.0.1:7002': new URL(local.node('slave').url).host,
    '127.0.0.1:7003': new URL(local.node('reader').url).host,
    '.vault/': `${local.cluster.dir}/`,
    'copy.txt': join(local.cluster.dir, 'copy.txt'),
  };
  return Object.entries(ports).reduce((text, [usual, ours]) => text.replaceAll(usual, ours), code);
}

async function shell(code: string): Promise<string> {
  const env = { ...process.env, MVAULT_URLS: local.urls.join(','), CI: '1' };
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here(code)], {
    cwd: repository,
    env,
    timeout: 60_000,
  });
  return stdout;
}

/** Starts a command that follows the tail, publishes, and answers once the message was printed. */
async function follow(command: string, word: string): Promise<void> {
  const env = { ...process.env, MVAULT_URLS: local.urls.join(','), CI: '1' };
  const child = spawn('bash', ['-c', `exec ${here(command)}`], { cwd: repository, env, detached: true });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  try {
    await eventually(`"${command}" printing what is published`, async () => {
      await fetch(`${local.node('reader').url}/orders`, { method: 'POST', body: word });
      return printed.includes(word) || undefined;
    });
  } finally {
    if (child.pid !== undefined && child.exitCode === null) {
      process.kill(-child.pid, 'SIGKILL');
      await once(child, 'exit');
    }
  }
}

test('every shell command of the README does what the text says, in its order', async () => {
  const lines = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.trim().split('\n'));
  expect(lines.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  expect(lines.length).toBeGreaterThan(12);
  for (const [index, line] of lines.slice(2).entries()) {
    if (endless.test(line)) await follow(line, `word ${index}`);
    else await shell(line);
  }
  const { json } = await getJson(`${local.node('reader').url}/-/cluster`);
  expect(json).toMatchObject({ leader: { nodeId: 'slave-1', epoch: 2 } });
  const copy = await readFile(join(local.cluster.dir, 'copy.txt'), 'utf8');
  expect(copy.startsWith('{"sku":1}\n1\n2\n3\n')).toBe(true);
});

test('the program of the README publishes and reads', async () => {
  const program = blocks.find(({ language }) => language === 'ts')?.code ?? '';
  const file = join(repository, 'test/e2e', `readme-${process.pid}.ts`);
  await writeFile(file, here(program));
  try {
    const { stdout } = await run(process.execPath, [file], { cwd: repository, timeout: 60_000 });
    expect(stdout).toContain('{"sku":4}');
  } finally {
    await run('rm', [file]);
  }
});
