import { parseArgs } from 'node:util';
import { checkOptions, startCluster } from './cluster.ts';
import { ClusterError } from './errors.ts';
import type { Cluster } from './handle.ts';
import { farewell, introduction } from './introduction.ts';
import { type ClusterOptions, parseStorageChoice } from './options.ts';
import { stopSignals } from './stop-signals.ts';

const help = `npm start [-- OPTIONS]

Runs a whole Message Vault on this machine, on 127.0.0.1, in the foreground: Azurite (10000, 10001), a master (7001),
a hot standby (7002) and a reader (7003). Ctrl-C stops them all, cleanly; the data stays.

  --port-base N      move everything: master N+1, slave N+2, reader N+3, Azurite N+10 and N+11
                     (further slaves N+22…, further readers N+42…)
  --slaves N         hot standbys (default 1)
  --readers N        readers (default 1)
  --storage WHERE    azurite (default), memory (gone at the end), file:DIR (a folder on a disk of this machine), or an
                     Azure Storage connection string or account URL
  --redis URL        wake-ups through Redis instead of polling
  --restart          start a broker again when it dies; without this it stays dead
  --dir DIR          data, logs/ and cluster.json (default .vault)
  --help             this text
`;

const flags = {
  'port-base': { type: 'string' },
  slaves: { type: 'string' },
  readers: { type: 'string' },
  storage: { type: 'string' },
  redis: { type: 'string' },
  restart: { type: 'boolean' },
  dir: { type: 'string' },
  help: { type: 'boolean' },
} as const;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function readOptions(): ClusterOptions | 'help' {
  const { values } = parseFlags();
  if (values.help) return 'help';
  const options: ClusterOptions = {
    say,
    restart: values.restart ?? false,
    ...(values.dir === undefined ? {} : { dir: values.dir }),
    ...(values['port-base'] === undefined ? {} : { portBase: wholeNumber(values['port-base']) }),
    ...(values.slaves === undefined ? {} : { slaves: wholeNumber(values.slaves) }),
    ...(values.readers === undefined ? {} : { readers: wholeNumber(values.readers) }),
    ...(values.storage === undefined ? {} : { storage: parseStorageChoice(values.storage) }),
    ...(values.redis === undefined ? {} : { redisUrl: values.redis }),
  };
  checkOptions(options);
  return options;
}

/** Not a number for whatever is not written as one; an empty text, too, which otherwise counts as 0. */
const wholeNumber = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);

function parseFlags() {
  try {
    return parseArgs({ options: flags });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ClusterError('bad_option', `${message}\n\n${help}`, { cause });
  }
}

async function run(options: ClusterOptions): Promise<void> {
  const stop = stopSignals();
  const { storage = 'azurite' } = options;
  say(typeof storage === 'object' ? 'Starting the nodes …' : 'Starting Azurite and the nodes …');
  const cluster = await startCluster({ ...options, signal: stop.asked }).catch((error: unknown) => {
    if (stop.asked.aborted && error instanceof ClusterError) return undefined;
    throw error;
  });
  if (!cluster) {
    say('Stopped before everything had started.');
    return;
  }
  say(introduction(cluster, storage));
  // Without it this would end in mid-air where no storage of ours runs and the last node has died.
  const staying = setInterval(() => {}, 2 ** 30);
  await stop.first;
  clearInterval(staying);
  say(
    typeof storage === 'object'
      ? '\nStopping the nodes …'
      : '\nStopping: the nodes first, then the storage …',
  );
  stop.onImpatience(() => killNodes(cluster));
  await cluster.stop();
  say(farewell(cluster, storage));
}

/** Nodes may be killed at any time. Azurite, if we run one, may not: it would forget what it acknowledged in its last seconds. */
function killNodes(cluster: Cluster): void {
  const alive = cluster.nodes.filter((node) => node.alive);
  if (alive.length > 0)
    say(
      `Killing ${alive.map(({ id }) => id).join(', ')}${cluster.storage.pid === null ? '' : '; Azurite still saves its state'}.`,
    );
  for (const { id } of alive) void cluster.kill(id);
}

try {
  const options = readOptions();
  if (options === 'help') process.stdout.write(help);
  else await run(options);
} catch (error) {
  if (!(error instanceof ClusterError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code === 'bad_option' ? 2 : 1;
}
