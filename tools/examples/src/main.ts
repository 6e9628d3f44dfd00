import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster } from '@message-vault/up';
import { faultOf, runJobs } from './jobs.ts';
import { Vault } from './vault.ts';

const help = `npm run example [-- OPTIONS]

A router that sends every job to an audit queue and to a second router, which gives each to one of three services by
webhook. Runs a vault of its own for as long as it takes, or uses the one at --url.

  --url URL      any node of a vault that may push to this machine, such as that of npm start
  --prefix NAME  its names are below this one (default: example-… with the time)
  --jobs N       how many jobs (default 30)
  --help         this text
`;

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    prefix: { type: 'string', default: `example-${Date.now()}` },
    jobs: { type: 'string', default: '30' },
    help: { type: 'boolean' },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function run(url: string): Promise<void> {
  const jobs = Number(values.jobs);
  const report = await runJobs(new Vault(url), { prefix: values.prefix, jobs, lockSeconds: 5, say });
  const fault = faultOf(report, jobs);
  say(fault ?? 'Every job is in the audit, and each was done by exactly one processor.');
  if (fault !== undefined) process.exitCode = 1;
}

async function runWithOwnVault(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'mvault-example-'));
  say('starting a vault …');
  const cluster = await startCluster({ dir, portBase: 'free', storage: 'memory', slaves: 0, readers: 0 });
  const clear = async (): Promise<void> => {
    await cluster.stop();
    await rm(dir, { recursive: true, force: true });
  };
  process.once('SIGINT', () => void clear().finally(() => process.exit(130)));
  try {
    await run(cluster.nodes[0]?.url ?? '');
  } finally {
    await clear();
  }
}

if (values.help) process.stdout.write(help);
else if (!/^[1-9]\d{0,3}$/.test(values.jobs)) {
  process.stderr.write(`--jobs takes a number from 1 to 9999, not ${JSON.stringify(values.jobs)}\n`);
  process.exitCode = 2;
} else if (values.url === undefined) await runWithOwnVault();
else await run(values.url);
