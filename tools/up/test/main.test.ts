import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterFile } from '../src/index.ts';
import { planPorts } from '../src/plan.ts';
import { freePorts, requireFree } from '../src/ports.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

interface Run {
  program: ChildProcessByStdio<null, Readable, Readable>;
  said(): string;
  ended: Promise<[code: number | null, signal: string | null]>;
}

function run(...args: string[]): Run {
  const program = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [program.stdout, program.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ended = once(program, 'close').then(([code, signal]): [number | null, string | null] => [
    code,
    signal,
  ]);
  onTestFinished(async () => {
    program.kill('SIGTERM');
    await ended;
  });
  return { program, said: () => said, ended };
}

async function emptyDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'up-main-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A base whose whole block of ports is free. */
async function freeBase(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const [base = 0] = await freePorts(1);
    if (base > 65_000) continue;
    const free = await requireFree(planPorts({ slaves: 1, readers: 1 }, base), true).then(
      () => true,
      () => false,
    );
    if (free) return base;
  }
  throw new Error('no free block of ports');
}

describe('npm start', () => {
  it('runs a cluster one can publish to and read from, until Ctrl-C', { timeout: 90_000 }, async () => {
    const [dir, base] = [await emptyDir(), await freeBase()];
    const start = run('--port-base', String(base), '--dir', dir, '--storage', 'memory');
    await expect.poll(start.said, { timeout: 60_000 }).toContain('Ready. Try');
    const { nodes }: ClusterFile = JSON.parse(await readFile(join(dir, 'cluster.json'), 'utf8'));
    expect(nodes.map(({ url }) => url)).toEqual([1, 2, 3].map((at) => `http://127.0.0.1:${base + at}`));

    const [, tour = ''] = /^Queues and routers.*: (\S+)$/m.exec(start.said()) ?? [];
    expect(await readFile(new URL(`../../../${tour}`, import.meta.url), 'utf8')).toMatch(/^# .*/);
    const [, suggestedWrite, suggestedRead] =
      /curl -d.*? (http\S+)[\s\S]*curl '(http\S+)'/.exec(start.said()) ?? [];
    const published = await fetch(suggestedWrite ?? '', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"sku":1}',
    });
    expect(published.status).toBe(201);
    expect(await (await fetch(suggestedRead ?? '')).json()).toMatchObject({
      messages: [{ value: { sku: 1 } }],
    });

    start.program.kill('SIGINT');
    expect(await start.ended).toEqual([0, null]);
    expect(start.said()).toMatch(/Stopping[\s\S]*Stopped\. The data is gone; the logs are kept/);
    expect(start.said()).not.toMatch(/data (stays|and logs)/i);
    await Promise.all(nodes.map(({ url }) => expect(fetch(url)).rejects.toThrow()));
  });

  it('stays until Ctrl-C when every node has died and no storage runs beside them', {
    timeout: 90_000,
  }, async () => {
    const [dir, base] = [await emptyDir(), await freeBase()];
    const alone = ['--slaves', '0', '--readers', '0', '--storage', `file:${join(dir, 'with space')}`];
    const start = run('--port-base', String(base), '--dir', dir, ...alone);
    await expect.poll(start.said, { timeout: 60_000 }).toContain('Ready. Try');
    const { nodes }: ClusterFile = JSON.parse(await readFile(join(dir, 'cluster.json'), 'utf8'));
    for (const { pid } of nodes) process.kill(pid, 'SIGKILL');
    await expect.poll(start.said).toMatch(/master-1.*killed by SIGKILL/);
    start.program.kill('SIGINT');
    expect(await start.ended).toEqual([0, null]);
    expect(start.said()).toMatch(/Stopping the nodes …\nStopped\. The data stays/);
  });

  it('says which port is taken and how to move, and ends with 1', async () => {
    const base = await freeBase();
    const blocker = createServer().listen(base + 3, '127.0.0.1');
    onTestFinished(() => void blocker.close());
    await once(blocker, 'listening');
    const start = run('--port-base', String(base), '--dir', await emptyDir());
    expect(await start.ended).toEqual([1, null]);
    expect(start.said()).toMatch(new RegExp(`${base + 3} +\\(wanted for reader-1\\)[\\s\\S]*--port-base`));
  });

  it('says so when its folder cannot be one', async () => {
    const start = run('--dir', main, '--port-base', String(await freeBase()));
    expect(await start.ended).toEqual([1, null]);
    expect(start.said()).toMatch(/The folder .*main\.ts can't be used: ENOTDIR/);
    expect(start.said()).not.toMatch(/^\s+at /m);
  });

  it.each([
    [['--storage', 'file:'], /file: takes a folder/],
    [['--storage', 'nonsense'], /--storage takes azurite/],
    [['--readers', 'many'], /--readers takes a whole number/],
    [['--slaves='], /--slaves takes a whole number/],
    [['--readers= '], /--readers takes a whole number/],
    [['--slaves', '0x2'], /--slaves takes a whole number/],
    [['--port-base', '7'], /--port-base takes a whole number/],
    [['--port-base='], /--port-base takes a whole number/],
    [['--unknown'], /--unknown[\s\S]*--port-base N/],
  ])('refuses %o in words and ends with 2', async (args, words) => {
    const start = run('--dir', await emptyDir(), ...args);
    expect(await start.ended).toEqual([2, null]);
    expect(start.said()).toMatch(words);
    expect(start.said()).not.toMatch(/^\s+at |Starting/m);
  });

  it('explains itself', async () => {
    const start = run('--help');
    expect(await start.ended).toEqual([0, null]);
    expect(start.said()).toMatch(/--port-base N[\s\S]*--restart/);
  });
});
