import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ProcessLog } from '../src/process-log.ts';
import { warningIn } from '../src/warnings.ts';

describe('a line a process prints', () => {
  it.each([
    ['{"level":30,"msg":"fine"}', 'stdout', undefined],
    ['{"level":30,"msg":"fine"}', 'stderr', undefined],
    ['{"level":40,"msg":"slow"}', 'stdout', 'warning: slow'],
    ['{"level":50,"msg":"lost","err":{"message":"no route"}}', 'stdout', 'error: lost: no route'],
    ['{"level":"info","msg":"fine"}', 'stdout', undefined],
    [
      '{"level":"warn","msg":"steps down","reason":"lease lost"}',
      'stdout',
      'warning: steps down: lease lost',
    ],
    ['plain progress', 'stdout', undefined],
    ['Error: something', 'stderr', 'Error: something'],
    ['{"half":', 'stderr', '{"half":'],
    ['', 'stderr', undefined],
  ] as const)('%s on %s tells a person %s', (line, origin, told) => {
    expect(warningIn(line, origin)).toBe(told);
  });
});

describe('the log of a process', () => {
  async function logged(
    chunks: readonly string[],
  ): Promise<{ file: string; said: string[]; last: readonly string[] }> {
    const dir = await mkdtemp(join(tmpdir(), 'up-log-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const said: string[] = [];
    const log = new ProcessLog({ id: 'm', path: join(dir, 'm.log'), say: (line) => said.push(line) });
    const stream = new PassThrough();
    log.follow(stream, 'stderr');
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    await finished(stream);
    await log.close();
    return { file: await readFile(log.path, 'utf8'), said, last: log.lastLines };
  }

  it('puts lines together that came in pieces', async () => {
    const { file, said } = await logged(['one l', 'ine\ntwo', ' lines\nthe end']);
    expect(file).toBe('one line\ntwo lines\nthe end\n');
    expect(said).toEqual(['[m] one line', '[m] two lines', '[m] the end']);
  });

  it('keeps all of a flood in the file, and shows a person a handful', async () => {
    const { file, said, last } = await logged(Array.from({ length: 10_000 }, (_, at) => `trouble ${at}\n`));
    expect(file.split('\n')).toHaveLength(10_001);
    expect(said.length).toBeLessThan(20);
    expect(said.at(-1)).toMatch(/more of this in .*m\.log/);
    expect(last).toHaveLength(20);
    expect(last.at(-1)).toBe('trouble 9999');
  });
});
