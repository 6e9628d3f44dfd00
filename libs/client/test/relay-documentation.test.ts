import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startNodes } from './support/real-nodes.ts';

/** Below this package, so that the programs find what they import. */
const programs = fileURLToPath(new URL(`./.programs-relay-${process.pid}`, import.meta.url));
const POLICY = { 'content-type': 'application/vnd.message-vault.policy+json' };

/** The program of a page, running against these nodes. */
async function start(page: string, urls: readonly string[]): Promise<ChildProcess> {
  const text = await readFile(new URL(`../../../docs/${page}.md`, import.meta.url), 'utf8');
  const code = /```js\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  expect(code).not.toBe('');
  const ports = urls.map((url) => new URL(url).port);
  const here = code.replaceAll(/127\.0\.0\.1:700([13])/g, (_all, digit) => {
    return `127.0.0.1:${digit === '1' ? ports[0] : ports[1]}`;
  });
  await mkdir(programs, { recursive: true });
  const file = join(programs, `${page}.js`);
  await writeFile(file, here);
  const program = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    program.kill();
    await rm(programs, { recursive: true, force: true });
  });
  return program;
}

async function nodes(policy: object, name: string): Promise<readonly string[]> {
  const started = await startNodes({ readers: 1 });
  onTestFinished(() => started[Symbol.asyncDispose]());
  const body = JSON.stringify(policy);
  const answer = await fetch(`${started.urls[0]}/${name}`, { method: 'POST', headers: POLICY, body });
  expect(answer.status).toBe(201);
  return started.urls;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('docs/relay.md', () => {
  it('has a service that does what its examples ask for', async () => {
    const urls = await nodes({ role: 'connection-point' }, 'myapp/api');
    await start('relay', urls);
    const relay = `${urls[1]}/myapp/api/-/relay`;
    await until(async () => (await fetch(`${relay}/hello`)).status !== 503);
    expect(await (await fetch(`${relay}/hello`)).text()).toBe('Hello from behind the firewall\n');
    const large = 'large '.repeat(500_000);
    const echoed = await fetch(`${relay}/echo`, { method: 'POST', body: large });
    expect((await echoed.text()) === large).toBe(true);
    const nothing = await fetch(`${relay}/nothing`);
    expect([nothing.status, await nothing.text()]).toEqual([404, 'there is no /nothing\n']);
  });
});

describe('docs/listeners.md', () => {
  it('has a listener that shows and acknowledges what comes', async () => {
    const urls = await nodes({ role: 'router', messageDistribution: 'one' }, 'myapp/work');
    const program = await start('listeners', urls);
    let shown = '';
    program.stdout?.on('data', (piece: Buffer) => {
      shown += piece.toString();
    });
    const stats = async () =>
      (await (await fetch(`${urls[0]}/myapp/work/-/stats`)).json()) as { listeners: number; maxLag: number };
    await until(async () => (await stats()).listeners === 1);
    const headers = { 'content-type': 'application/json' };
    await fetch(`${urls[0]}/myapp/work`, { method: 'POST', headers, body: '{"sku":1}' });
    await until(() => shown.includes('{ sku: 1 }'));
    await until(async () => (await stats()).maxLag === 0);
  });
});
