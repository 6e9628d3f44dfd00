import type { DrillReport, RunResult } from '@message-vault/drill';
import { type Command, Option } from 'commander';
import { type CommandModule, collect } from '../context.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { watchInterrupts } from '../interrupt.ts';
import { wholeNumber } from '../units.ts';

interface DrillOptions {
  readonly runs: number;
  readonly against?: readonly string[];
  readonly seed?: number;
  readonly storage: 'azurite' | 'file';
  readonly list?: true;
  readonly json?: true;
  readonly dir: string;
}

const HELP = `
Without a name, every drill is run, one after the other, each on a cluster of its own with real processes. Each drill
publishes and reads all the while, and checks that nothing was lost, repeated, reordered or changed.

  mvault drill --list                       what each drill does, and what has to come of it
  mvault drill kill-master --runs 20        the distribution of the write gap over 20 runs
  mvault drill handover --against https://vault-1.example.com --against https://vault-2.example.com

Against a deployed cluster, only what can be done from outside is done; it publishes to names below drills/, which stay.
The report, with a timeline of every run, is written to .vault/drills/<time>/report.html.
`;

export const drillCommand: CommandModule = {
  register(program: Command) {
    program
      .command('drill')
      .description('break a cluster on purpose and check that nothing is lost')
      .argument('[names...]', 'which drills; all when none is named')
      .option('--runs <n>', 'how often each is run', wholeNumber, 1)
      .option('--against <url>', 'a node of a deployed cluster; repeat for all of them', collect)
      .option('--seed <n>', 'of all that is random in the runs', wholeNumber)
      .addOption(
        new Option('--storage <kind>', 'what each cluster of its own keeps everything in')
          .choices(['azurite', 'file'])
          .default('azurite'),
      )
      .option('--dir <folder>', 'where reports, histories and logs go', '.vault/drills')
      .option('--list', 'only tell what drills there are')
      .option('--json', 'answer with the report in JSON, for programs')
      .addHelpText('after', HELP)
      .action((names: string[], options: DrillOptions) => run(names, options));
  },
};

async function run(names: readonly string[], options: DrillOptions): Promise<void> {
  // Whoever publishes a message need not load what runs clusters.
  const drill = await import('@message-vault/drill');
  if (options.list) {
    process.stdout.write(drill.listText(drill.drills));
    return;
  }
  const interrupt = watchInterrupts();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const tell = options.json ? say : (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    const { report, htmlPath } = await drill.runDrills({
      names,
      runs: options.runs,
      against: options.against ?? [],
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 31),
      storage: options.storage,
      dir: options.dir,
      signal: interrupt.signal,
      say: (line) => say(`    ${line}`),
      onLab: (lab) => {
        interrupt.onSecond = () => lab.killNow();
      },
      onRun: (which, result: RunResult) => say(drill.runText(which, result)),
      onDrill: (done: DrillReport) => tell(drill.verdictText(done)),
    });
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    tell(`\nSeed ${report.seed}. Report: ${htmlPath}`);
    process.exitCode = report.ok ? EXIT.ok : EXIT.failure;
  } catch (error) {
    if (!drill.isExpected(error)) throw error;
    throw new CommandFailure(error.message, EXIT.failure, { cause: error });
  } finally {
    interrupt.stop();
    // All processes have been ended. What is left are clients that would go on trying to reach them for a while.
    if (interrupt.exitCode !== undefined) process.exit(interrupt.exitCode);
  }
}
