import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createClient } from '@message-vault/client';
import { type RealNodes, startNodes } from '@message-vault/client/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../src/main.ts';

const run = promisify(execFile);
const page = readFileSync(fileURLToPath(new URL('../../../docs/cli.md', import.meta.url)), 'utf8');
const bin = fileURLToPath(new URL('../bin/mvault.js', import.meta.url));

let cluster: RealNodes;
let folder: string;

beforeAll(async () => {
  cluster = await startNodes({ slaves: 1, readers: 1 });
  folder = mkdtempSync(join(tmpdir(), 'mvault-docs-'));
  writeFileSync(join(folder, 'events.ndjson'), '{"id":"a","n":1}\n{"id":"b","n":2}\r\n\n{"id":"c","n":3}');
  writeFileSync(join(folder, 'app.log'), 'started\nstopped\n');
  await using client = createClient({ urls: cluster.urls });
  await client.publish(
    'shop/orders',
    Array.from({ length: 10 }, (_, n) => ({ value: { n } })),
  );
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** The page speaks of the usual ports and of npx; here it is this program and the nodes of the test. */
function here(command: string): string {
  const usual = /http:\/\/127\.0\.0\.1:700([123])/g;
  return command
    .replaceAll('npx mvault', `${JSON.stringify(process.execPath)} ${JSON.stringify(bin)}`)
    .replaceAll(usual, (url, digit) => cluster.urls[Number(digit) - 1] ?? url);
}

const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = '']) => code);

describe('docs/cli.md', () => {
  for (const code of blocks) {
    test(code.trim().split('\n').join('; '), async () => {
      const env = { ...process.env, MVAULT_URLS: cluster.urls.join(',') };
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here(code)], {
        cwd: folder,
        env,
        timeout: 60_000,
      });
      expect(stdout).not.toBe('');
    });
  }

  test('has commands, and tells of each there is', async () => {
    expect(blocks.length).toBeGreaterThan(5);
    for (const command of createProgram().commands) expect(page).toContain(`\`${command.name()}\``);
  });
});
