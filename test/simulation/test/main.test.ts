import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000 });

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function sim(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
}

test('says what it can do', () => {
  const { status, stdout } = sim('--help');
  expect(status).toBe(0);
  for (const option of ['--seeds', '--seed', '--plant', '--trace', '--kept', 'drop-epoch', 'reuse-offset'])
    expect(stdout).toContain(option);
});

test('refuses what it does not understand, and says what it expected', () => {
  for (const args of [
    ['--seed', 'x'],
    ['--seeds', '-1'],
    ['--plant', 'nothing'],
    ['--kept', '100000'],
    ['--what'],
  ]) {
    const { status, stderr } = sim(...args);
    expect([args, status]).toEqual([args, 2]);
    expect(stderr).toContain('--seeds N');
  }
});

test('a seed that goes well is told with its commit, and traced when that is asked for', () => {
  const { status, stdout } = sim('--seed', '3', '--trace');
  expect(status).toBe(0);
  expect(stdout).toMatch(/seed 3, commit \S+.*: nothing is wrong/);
  expect(stdout).toMatch(/n1\.1 +says: leads/);
});

test('a seed that fails is told with the rule, the commit, the faults it needs and what led to it', () => {
  const { status, stdout } = sim('--seeds', '16', '--workers', '1', '--plant', 'ack-before-durable');
  expect(status).toBe(1);
  expect(stdout).toMatch(/FAILED seed \d+ at commit \S+/);
  expect(stdout).toMatch(/ {2}I1 at \d+ ms: offset \d+ was acknowledged and no commit stands/);
  expect(stdout).toContain('the faults it needs');
  expect(stdout).toContain(' CHECK ');
  expect(stdout).toMatch(/npm run sim -- --seed \d+ --trace/);
});

test('the commands in the documentation are ones it takes', () => {
  const documentation = readFileSync(new URL('../../../docs/simulation.md', import.meta.url), 'utf8');
  const commands = [...documentation.matchAll(/^npm run sim(?: --)?([^#\n]*)/gm)].map(([, args = '']) =>
    args.trim(),
  );
  expect(commands.length).toBeGreaterThan(4);
  for (const command of commands) {
    const args = command.split(/\s+/).filter((arg) => arg !== '');
    const { status, stderr } = sim(...args, '--help');
    expect([command, status, stderr]).toEqual([command, 0, '']);
  }
});

test('several seeds are summed up', () => {
  const { status, stdout } = sim('--seeds', '4', '--from', '7');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^4 seeds in .* 0 failed$/m);
});
