import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Check } from '../src/checks.ts';
import { runAll } from '../src/run.ts';

const node = (name: string, script: string): Check => ({
  name,
  finds: '',
  command: [process.execPath, '-e', script],
});

describe('running checks', () => {
  it('a check passes when its program ends with 0 or its function finds nothing', async () => {
    const results = await runAll([node('a', ''), { name: 'b', finds: '', find: async () => [] }], () => {});
    expect(results.map((result) => result.ok)).toEqual([true, true]);
  });

  it('a check fails with what its program said, on either stream', async () => {
    const [result] = await runAll(
      [node('a', 'console.log("out"); console.error("err"); process.exitCode = 3')],
      () => {},
    );
    expect(result).toMatchObject({
      ok: false,
      output: expect.stringMatching(/out\n[\s\S]*err|err\n[\s\S]*out/),
    });
  });

  it('a program killed by a signal, one that is not there and a function that throws have failed', async () => {
    const results = await runAll(
      [
        node('killed', 'process.kill(process.pid, "SIGKILL")'),
        { name: 'missing', finds: '', command: ['no-such-program-anywhere'] },
        { name: 'throws', finds: '', find: () => Promise.reject(new Error('broken inside')) },
        { name: 'finds', finds: '', find: async () => ['a.ts:1: found'] },
      ],
      () => {},
    );
    const outputs = new Map(results.map((result) => [result.check.name, result.ok ? 'ok' : result.output]));
    expect(outputs.get('killed')).toContain('SIGKILL');
    expect(outputs.get('missing')).toContain('ENOENT');
    expect(outputs.get('throws')).toContain('broken inside');
    expect(outputs.get('finds')).toBe('a.ts:1: found');
  });

  it('the program refuses a check it does not know, and says which there are', async () => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, [main, 'nonsense'], (error, _stdout, stderr) => {
        resolve({ code: error?.code, stderr });
      });
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/nonsense[\s\S]*types[\s\S]*layers/);
  });
});
