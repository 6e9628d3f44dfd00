import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mvault } from './support/mvault.ts';

async function emptyFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-drill-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

describe('mvault drill', () => {
  it('tells of every drill what it does, without doing it', async () => {
    const { code, stdout } = await mvault(['drill', '--list']);
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(/^kill-master\n {4}Kills the leader.*\n {4}Expected: /m);
  });

  it('ends with 1 for a drill there is none of, naming those there are', async () => {
    const { code, stderr } = await mvault(['drill', 'kill-mistress', '--dir', await emptyFolder()]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('there is no drill kill-mistress')]);
    expect(stderr).toContain('kill-master');
  });

  it('ends with 2 when a number is none', async () => {
    const { code, stderr } = await mvault(['drill', 'observe', '--runs', 'many']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--runs')]);
  });

  it('answers in JSON for programs, also of what it could not do', async () => {
    const dir = await emptyFolder();
    const against = ['--against', 'http://127.0.0.1:9'];
    const { code, stdout } = await mvault(['drill', 'kill-slave', ...against, '--json', '--dir', dir]);
    const report: unknown = JSON.parse(stdout.toString());
    expect([code, report]).toEqual([
      0,
      expect.objectContaining({
        ok: true,
        drills: [
          expect.objectContaining({ name: 'kill-slave', skipped: expect.stringContaining('processes') }),
        ],
      }),
    ]);
  });
});
