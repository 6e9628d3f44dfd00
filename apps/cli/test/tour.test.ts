import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, type VaultClient } from '@message-vault/client';
import { type RealNodes, startNodes } from '@message-vault/client/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

const page = readFileSync(fileURLToPath(new URL('../../../docs/tour.md', import.meta.url)), 'utf8');
const bin = fileURLToPath(new URL('../bin/mvault.js', import.meta.url));

let cluster: RealNodes;
let client: VaultClient;
let folder: string;

beforeAll(async () => {
  cluster = await startNodes({ slaves: 1, readers: 1 });
  client = createClient({ urls: cluster.urls });
  folder = mkdtempSync(join(tmpdir(), 'mvault-tour-'));
});

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Block {
  readonly language: string;
  readonly code: string;
}

/** The blocks of a part of the page: `sh` is to be run, `listen` to be left running, twice. */
function blocksOf(title: string): Block[] {
  const part = page.split(/^## /m).find((each) => each.startsWith(title)) ?? '';
  return [...part.matchAll(/^```(sh|listen)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
    language,
    code,
  }));
}

/** The page speaks of the usual ports and of npx; here it is this program and the nodes of the test. */
function here(code: string): string {
  return code
    .replaceAll('npx mvault', `${JSON.stringify(process.execPath)} ${JSON.stringify(bin)}`)
    .replaceAll(/http:\/\/127\.0\.0\.1:700([123])/g, (url, digit) => cluster.urls[Number(digit) - 1] ?? url);
}

interface Running {
  readonly child: ChildProcess;
  output: string;
}

function start(code: string): Running {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', here(code)], {
    cwd: folder,
    env: { ...process.env, MVAULT_URLS: cluster.urls.join(',') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const running: Running = { child, output: '' };
  child.stdout?.on('data', (data) => {
    running.output += String(data);
  });
  return running;
}

async function run(code: string): Promise<string> {
  const running = start(code);
  const [exitCode] = await once(running.child, 'close');
  expect(exitCode, code).toBe(0);
  return running.output;
}

/** Runs a part of the page from top to bottom. Answers what each block printed, and what each of the listeners did. */
async function follow(title: string): Promise<{ printed: string[]; listeners: Running[] }> {
  const printed: string[] = [];
  const listeners: Running[] = [];
  onTestFinished(() => {
    for (const { child } of listeners) child.kill('SIGKILL');
  });
  for (const { language, code } of blocksOf(title)) {
    if (language === 'sh') printed.push(await run(code));
    else {
      listeners.push(start(`exec ${code}`), start(`exec ${code}`));
      const router = client.router('myapp/work');
      await vi.waitFor(async () => expect((await router.stats()).listeners).toBe(2), { timeout: 20_000 });
    }
  }
  return { printed, listeners };
}

const jobsIn = (text: string): number[] => [...text.matchAll(/"job":(\d+)/g)].map(([, job]) => Number(job));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const byNumber = (a: number, b: number): number => a - b;

describe('docs/tour.md', () => {
  test('with mvault: every job reaches the auditors and exactly one of two who listen', async () => {
    const { printed, listeners } = await follow('With mvault');
    const [, made = '', audited = '', archived = '', gone = ''] = printed;
    expect(made).toContain('├── audit');
    expect(made).toContain('"myapp/jobs" -> "myapp/work"');
    expect(jobsIn(audited).sort(byNumber)).toEqual(upTo(20));
    expect(jobsIn(archived)).toEqual(upTo(20));
    expect(gone).not.toMatch(/^myapp.*\t/m);
    const done = listeners.map(({ output }) => jobsIn(output));
    expect(done.flat().sort(byNumber)).toEqual(upTo(20));
  }, 120_000);

  test('with curl: the same', async () => {
    const { printed, listeners } = await follow('With curl');
    const [, posted = '', taken = '', refused = '', policies = ''] = printed;
    expect(posted).toContain('"queue":"myapp/audit"');
    expect(jobsIn(taken)).toHaveLength(3);
    expect(taken).toContain('lockedUntil');
    expect(refused).toContain('"lock_lost"');
    expect(policies).toContain('PT300S');
    expect(policies.trim().endsWith('"children":[],"cursor":null}')).toBe(true);
    const done = listeners.map(({ output }) => jobsIn(output));
    expect(done.flat().sort(byNumber)).toEqual(upTo(6));
  }, 120_000);

  test('with Atom entries', async () => {
    const { printed } = await follow('With Atom entries');
    const [entries = '', taken = ''] = printed;
    expect(entries).toContain('<QueuePolicy');
    expect(entries).toContain('rel="queuehead"');
    expect(entries).toContain('<feed');
    expect(taken).toContain('<job xmlns="urn:example">7</job>');
  }, 120_000);
});
