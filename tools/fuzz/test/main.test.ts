import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function fuzz(...flags: string[]): Promise<{ exitCode: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...flags], (error, stdout, stderr) => {
      resolve({ exitCode: error?.code ?? 0, stdout, stderr });
    });
  });
}

describe('the fuzz program', () => {
  it('says how it is used', async () => {
    const { exitCode, stdout } = await fuzz('--help');
    expect(exitCode).toBe(0);
    for (const flag of ['--iterations', '--seed', '--from', '--hang-after-ms'])
      expect(stdout).toContain(flag);
  });

  it('runs as many inputs as it was told to and prints what became of them', async () => {
    const { exitCode, stdout } = await fuzz('--iterations', '400', '--seed', '3');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^seed 3: 400 inputs in /);
    for (const line of [
      'batch: ',
      'commit: ',
      'checkpoint: ',
      'message id: ',
      'longest: ',
      'peak memory grew by ',
    ]) {
      expect(stdout).toContain(`\n${line}`);
    }
  });

  test.each(['many', '-1', '1.5', '99999999999999999'])('refuses --iterations %s', async (number) => {
    const { exitCode, stderr } = await fuzz(`--iterations=${number}`);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--iterations N');
  });
});
