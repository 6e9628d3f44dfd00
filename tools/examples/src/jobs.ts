import { type Processor, startProcessor } from './processor.ts';
import type { Vault } from './vault.ts';

/*
 * The composition of the article that introduced routers and queues:
 *
 *                          ┌──► audit  (queue)
 *   jobs ──► jobs (router: all)
 *                          └──► work   (router: one) ──► processor 1, 2 or 3 (webhooks)
 *
 * Every job reaches audit, and exactly one of the processors.
 */

export interface JobsOptions {
  /** Names of the example are below this one. */
  readonly prefix: string;
  readonly jobs: number;
  /** How long the auditor that dies holds on to its message. */
  readonly lockSeconds: number;
  readonly say: (line: string) => void;
}

/** What came of it, for whoever wants to check. */
export interface JobsReport {
  /** Numbers of the jobs that each processor has done. */
  readonly done: Readonly<Record<string, readonly number[]>>;
  /** Numbers of the jobs read from audit, in the order in which they were acknowledged. */
  readonly audited: readonly number[];
  /** How often the message was delivered that the first auditor took to its grave. */
  readonly redelivered: number;
}

interface Job {
  readonly job: number;
  readonly what: string;
}

/** How long the last job may take until it is done. */
const PATIENCE_MS = 60_000;

export async function runJobs(vault: Vault, options: JobsOptions): Promise<JobsReport> {
  const { prefix, jobs, say } = options;
  const names = { audit: `${prefix}/audit`, work: `${prefix}/work`, jobs: `${prefix}/jobs` };
  const processors = await Promise.all([
    startProcessor('processor 1'),
    startProcessor('processor 2'),
    startProcessor('processor 3', 5),
  ]);
  try {
    await compose(vault, names, processors, options);
    await vault.publish(
      names.jobs,
      Array.from({ length: jobs }, (_, job) => newJob(job)),
    );
    say(`published ${jobs} jobs`);
    const [audited] = await Promise.all([audit(vault, names.audit, options), allDone(processors, jobs)]);
    for (const { name, done, turnedAway } of processors)
      say(
        `${name} has done ${done.size} jobs${turnedAway() > 0 ? ` and was busy for ${turnedAway()} more` : ''}`,
      );
    return { ...audited, done: Object.fromEntries(processors.map((each) => [each.name, numbersOf(each)])) };
  } finally {
    for (const name of [names.jobs, names.work, names.audit]) await vault.unassign(name).catch(() => {});
    await Promise.all(processors.map((processor) => processor.close()));
  }
}

async function compose(
  vault: Vault,
  names: Readonly<Record<'audit' | 'work' | 'jobs', string>>,
  processors: readonly Processor[],
  { lockSeconds, say }: JobsOptions,
): Promise<void> {
  await vault.assign(names.audit, { role: 'queue', lockDuration: `PT${lockSeconds}S` });
  await vault.assign(names.work, { role: 'router', messageDistribution: 'one' });
  await vault.assign(names.jobs, { role: 'router', messageDistribution: 'all' });
  for (const { url, secret } of processors) await vault.subscribe(names.work, { webhook: url, secret });
  await vault.subscribe(names.jobs, { name: names.audit });
  await vault.subscribe(names.jobs, { name: names.work });
  say(`${names.jobs} goes to ${names.audit} and to ${names.work}, and that to one of three processors`);
}

/** Reads all of the jobs from the queue. The first auditor dies with a message in its hands. */
async function audit(
  vault: Vault,
  queue: string,
  { jobs, say }: JobsOptions,
): Promise<Pick<JobsReport, 'audited' | 'redelivered'>> {
  const lost = await vault.take(queue, 30);
  if (lost === undefined) throw new Error(`nothing has come to ${queue}`);
  say(`an auditor takes job ${jobOf(lost.value).job} and dies`);
  const audited: number[] = [];
  let redelivered = 0;
  while (audited.length < jobs) {
    const taken = await vault.take(queue, 30);
    if (taken === undefined) throw new Error(`only ${audited.length} of ${jobs} jobs have come to ${queue}`);
    await vault.acknowledge(taken);
    const { job } = jobOf(taken.value);
    audited.push(job);
    if (job === jobOf(lost.value).job) redelivered = taken.deliveryCount;
  }
  say(`another has read all ${jobs}; the lost one came back, delivery ${redelivered}`);
  return { audited, redelivered };
}

async function allDone(processors: readonly Processor[], jobs: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  const count = (): number => processors.reduce((sum, { done }) => sum + done.size, 0);
  while (count() < jobs) {
    if (Date.now() > deadline) throw new Error(`only ${count()} of ${jobs} jobs were done in time`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function numbersOf({ done }: Processor): number[] {
  return Array.from(done.values(), (value) => jobOf(value).job).toSorted((a, b) => a - b);
}

function newJob(job: number): Job {
  return { job, what: `resize picture ${job}` };
}

function jobOf(value: unknown): Job {
  if (typeof value === 'object' && value !== null && 'job' in value && typeof value.job === 'number')
    return { job: value.job, what: 'what' in value ? String(value.what) : '' };
  throw new Error(`${JSON.stringify(value)} is no job`);
}

/** What must hold, or the first thing that does not. */
export function faultOf({ done, audited, redelivered }: JobsReport, jobs: number): string | undefined {
  const all = Array.from({ length: jobs }, (_, job) => job);
  const missing = (numbers: readonly number[]): number | undefined =>
    all.find((job) => !numbers.includes(job));
  const processed = Object.values(done).flat();
  if (missing(audited) !== undefined) return `job ${missing(audited)} is not in the audit`;
  if (missing(processed) !== undefined) return `job ${missing(processed)} was done by nobody`;
  if (processed.length !== jobs) return 'a job was done by two processors';
  if (redelivered < 2) return 'what the dead auditor had taken did not come back';
  return undefined;
}
