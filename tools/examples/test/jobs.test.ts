import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster } from '@message-vault/up';
import { expect, it, onTestFinished } from 'vitest';
import { faultOf, type JobsReport, runJobs } from '../src/jobs.ts';
import { Vault } from '../src/vault.ts';

it('every job reaches the audit, and exactly one of the processors', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-example-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const cluster = await startCluster({ dir, portBase: 'free', storage: 'memory', slaves: 0, readers: 0 });
  onTestFinished(() => cluster.stop());
  const said: string[] = [];
  const options = { prefix: 'myapp', jobs: 20, lockSeconds: 2, say: (line: string) => said.push(line) };
  const report = await runJobs(new Vault(cluster.nodes[0]?.url ?? ''), options);
  expect(faultOf(report, options.jobs), said.join('\n')).toBeUndefined();
}, 120_000);

it.each<[string, Partial<JobsReport>]>([
  ['job 1 is not in the audit', { audited: [0, 2] }],
  ['job 2 was done by nobody', { done: { one: [0], two: [1] } }],
  ['a job was done by two processors', { done: { one: [0, 1], two: [1, 2] } }],
  ['what the dead auditor had taken did not come back', { redelivered: 1 }],
])('notices when %s', (fault, wrong) => {
  const right: JobsReport = { done: { one: [0, 2], two: [1] }, audited: [0, 2, 1], redelivered: 2 };
  expect(faultOf(right, 3)).toBeUndefined();
  expect(faultOf({ ...right, ...wrong }, 3)).toBe(fault);
});
