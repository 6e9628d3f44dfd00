import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readHistory } from '@message-vault/checkers';
import { expect, it, onTestFinished } from 'vitest';
import { type DrillReport, drillNamed, type Report, runDrills } from '../src/index.ts';
import { isRunning } from '../src/lab/lab.ts';

const WITHIN_MS = 180_000;

async function run(...names: string[]): Promise<{ report: Report; folder: string; drills: DrillReport[] }> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-drill-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const { report, htmlPath } = await runDrills({
    names,
    runs: 1,
    against: [],
    seed: 5,
    dir,
    signal: abort.signal,
    say: () => {},
  });
  return { report, folder: dirname(htmlPath), drills: [...report.drills] };
}

const problems = (drills: readonly DrillReport[]): readonly string[] =>
  drills.flatMap(({ name, runs }) => runs.flatMap((each) => each.problems.map((text) => `${name}: ${text}`)));

it(
  'a leader that is killed, frozen or asked to hand over costs no message, and leads no more',
  async () => {
    const { report, folder, drills } = await run('kill-master', 'freeze-master', 'handover');
    expect(problems(drills)).toEqual([]);
    expect(report.ok).toBe(true);
    for (const { name, runs } of drills) {
      const [result] = runs;
      expect([name, result?.changes, result?.changesAfterHeal, result?.failedPublishes]).toEqual([
        name,
        1,
        0,
        0,
      ]);
      expect(result?.messages.acked).toBeGreaterThan(100);
      expect(result?.messages.stored).toBe(result?.messages.started);
    }
    const written: Report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
    expect(written.drills.map(({ name }) => name)).toEqual(['kill-master', 'freeze-master', 'handover']);
    expect(await readFile(join(folder, 'report.html'), 'utf8')).toContain('All passed');
    // What was judged is there to be judged again, and what the nodes said beside it.
    let events = 0;
    for await (const batch of readHistory(join(folder, 'kill-master', 'run-1.jsonl'))) events += batch.length;
    expect(events).toBe(drills[0]?.runs[0]?.events);
    expect(await readdir(join(folder, 'kill-master', 'logs'))).toContain('master-1.log');
  },
  WITHIN_MS,
);

it(
  'a leader that dies while it hands on what flows through routers costs no message, and gives none to two',
  async () => {
    const { report, folder, drills } = await run('bus-kill-master');
    expect(problems(drills)).toEqual([]);
    expect(report.ok).toBe(true);
    const [result] = drills[0]?.runs ?? [];
    expect([result?.changes, result?.changesAfterHeal, result?.failedPublishes]).toEqual([1, 0, 0]);
    expect(result?.messages.acked).toBeGreaterThan(100);
    expect(result?.messages.stored).toBe(result?.messages.started);
    expect(result?.deliveries.map(({ place }) => place).sort()).toEqual([
      'archive',
      'audit',
      'hook',
      'tasks',
      'work',
    ]);
    for (const { count } of result?.deliveries ?? []) expect(count).toBeGreaterThan(50);
    expect(await readFile(join(folder, 'report.html'), 'utf8')).toContain('delivery gap');
  },
  WITHIN_MS,
);

it('a drill that is given up leaves nothing running', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-drill-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const abort = new AbortController();
  const pids: number[] = [];
  const given = runDrills({
    names: ['observe'],
    runs: 1,
    against: [],
    seed: 5,
    dir,
    signal: abort.signal,
    say: () => {},
    onLab: ({ cluster }) => {
      pids.push(...cluster.nodes.map(({ pid }) => pid), cluster.storage.pid ?? 0);
      abort.abort(new Error('given up'));
    },
  });
  const { report } = await given;
  expect(report.drills).toMatchObject([{ name: 'observe', broken: 'given up before it was done', runs: [] }]);
  expect(pids.filter((pid) => pid > 0)).toHaveLength(4);
  expect(pids.filter(isRunning)).toEqual([]);
});

it('against a deployed cluster, a drill that needs hands on its processes says why it is not done', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-drill-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const { report } = await runDrills({
    names: ['kill-master', 'storage-brownout'],
    runs: 1,
    against: ['http://127.0.0.1:9'],
    seed: 5,
    dir,
    signal: new AbortController().signal,
    say: () => {},
  });
  expect(report.drills.map(({ skipped }) => skipped)).toEqual([
    drillNamed('kill-master').notFromOutside,
    drillNamed('storage-brownout').notFromOutside,
  ]);
});
