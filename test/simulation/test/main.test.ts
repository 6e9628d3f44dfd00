import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

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

test('several seeds are summed up', () => {
  const { status, stdout } = sim('--seeds', '4', '--from', '7');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^4 seeds in .* 0 failed$/m);
});
