import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { tuneCollectorForBuffers } from '@message-vault/runtime';
import { openLab } from './lab.ts';
import { markdownTable, type Row } from './report.ts';
import type { BenchOptions, Scenario } from './scenario.ts';
import { bulkPublish, replay } from './scenarios/bulk.ts';
import { idleStreams, readerMemory } from './scenarios/footprint.ts';
import { namesAndPolicies } from './scenarios/names.ts';
import { queueRate, queueWaiting } from './scenarios/queues.ts';
import { hungSubscriber, routerToStreams } from './scenarios/routers.ts';
import { concurrentPublish, singlePublish } from './scenarios/small.ts';
import { standbyCost } from './scenarios/standby.ts';
import { fanOut, publishToTail } from './scenarios/tail.ts';
import { webhookFanOut } from './scenarios/webhooks.ts';

const SCENARIOS: readonly Scenario[] = [
  { name: 'bulk', help: 'bulk publish against raw Put Page', run: bulkPublish },
  { name: 'replay', help: 'replay through a reader against raw ranged GET', run: replay },
  { name: 'concurrent', help: '64 publishers against one that waits', run: concurrentPublish },
  { name: 'single', help: 'one publish against one raw Put Page', run: singlePublish },
  { name: 'standby', help: 'what a hot standby costs the rate of publishing', run: standbyCost, slaves: 1 },
  { name: 'fan-out', help: 'storage reads of 1,000 SSE consumers against those of 10', run: fanOut },
  { name: 'tail', help: 'from publish to a tailing consumer', run: publishToTail },
  { name: 'tail-redis', help: 'the same with wake-ups through --redis', run: publishToTail, redis: true },
  { name: 'queue', help: 'a queue against the bare queue SDK', run: queueRate },
  {
    name: 'queue-wait',
    help: 'consumers that wait: what they cost, how soon they are served',
    run: queueWaiting,
  },
  { name: 'router', help: 'a router to four streams against publishing to each', run: routerToStreams },
  { name: 'hung', help: 'what a subscriber that hangs costs the others', run: hungSubscriber },
  {
    name: 'names',
    help: 'listing 1,000 names, and how soon a policy change is in force',
    run: namesAndPolicies,
  },
  { name: 'webhooks', help: 'pushes of a router to four webhooks', run: webhookFanOut },
  { name: 'memory', help: "a reader's memory over a 2 GiB replay", run: readerMemory },
  {
    name: 'idle',
    help: "a master's memory and polling with 10,000 idle streams",
    run: idleStreams,
    storage: 'many-containers',
    // On a slow machine making them takes longer than a stream stays open, and it is the open ones that cost memory.
    flags: ['--limit', 'writer.idleCloseMs=24h'],
  },
];

const help = `npm run bench [-- OPTIONS] [SCENARIO …]

Measures this vault beside the raw storage, both in one run on an Azurite of its own, and prints ratios.

${SCENARIOS.map((scenario) => `  ${scenario.name.padEnd(12)} ${scenario.help}`).join('\n')}

  --data FILE      publish this file's bytes, repeated, instead of made-up log lines
  --redis URL      a Redis for tail-redis (skipped without one)
  --seconds N      length of a timed round (default 4)
  --streams N      streams that idle makes (default 10,000); from fewer it calculates what 10,000 cost
  --storage WHERE  azurite (default), or file: in a folder, with the bare storage of that beside it
  --quick          smaller amounts: a first look, not a result
  --json           rows as JSON instead of a table
  --help           this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    redis: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    streams: { type: 'string' },
    storage: { type: 'string', default: 'azurite' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  tuneCollectorForBuffers();
  if (values.help) return void process.stdout.write(help);
  const options: BenchOptions = {
    data: values.data,
    quick: values.quick,
    roundMs: Number(values.seconds) * 1000,
    streams: values.streams === undefined ? undefined : Number(values.streams),
  };
  const chosen = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const { streams = 2 } = options;
  const knownStorage = values.storage === 'azurite' || values.storage === 'file';
  if (chosen.length < positionals.length || !(options.roundMs > 0) || !(streams >= 2) || !knownStorage)
    throw new Error(`see --help\n\n${help}`);
  const rows: Row[] = [];
  for (const scenario of chosen) {
    const measured = await runScenario(scenario, options);
    // At once as well: a run that is cut short has something to show.
    for (const { what, result, goal } of measured)
      process.stderr.write(`  ${what}: ${result} (goal ${goal})\n`);
    rows.push(...measured);
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}`;
  process.stdout.write(
    values.json ? `${JSON.stringify({ machine, rows })}\n` : `\n${machine}\n\n${markdownTable(rows)}\n`,
  );
}

/** Each on a cluster of its own, so that none pays for what another left behind. */
async function runScenario(scenario: Scenario, options: BenchOptions): Promise<Row[]> {
  if (scenario.redis && values.redis === undefined) {
    process.stderr.write(`${scenario.name}: skipped, needs --redis URL\n`);
    return [];
  }
  process.stderr.write(`${scenario.name} …\n`);
  const { slaves, flags } = scenario;
  const storage = values.storage === 'file' ? 'file' : scenario.storage;
  const redisUrl = scenario.redis ? values.redis : undefined;
  const lab = await openLab({ redisUrl, slaves, storage, flags });
  try {
    return await scenario.run(lab, options);
  } finally {
    await lab.close();
  }
}

await main();
