import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { CommandModule } from '../context.ts';
import { UsageError } from '../exit.ts';
import { type StorageAccessOptions, withStorage, withStorageOptions } from '../storage-access.ts';
import { wholeNumber } from '../units.ts';

interface RepairCommandOptions extends StorageAccessOptions {
  readonly epoch?: number;
  readonly person?: string;
  readonly yes?: true;
}

const OVERTAKEN = 'the records have changed meanwhile: look again, there may be nothing to repair';
const HELP = `
For a cluster in which every node refuses to lead, with the alarm storage_rolled_back, leader_document_missing or
leader_document_unreadable. Find out first what was deleted or put back, and whether streams are concerned too: this
command mends the records of who leads, and nothing else. See docs/operations.md.

  mvault repair                       what the records say now; changes nothing
  mvault repair --epoch 17 --yes      you are content with the streams as they are, and 17 is the highest epoch in logs,
                                      metrics (mvault_epoch) and alarms: let the nodes lead again, above all of it

The storage is reached directly, as the nodes reach it: --storage, or better the variable MVAULT_STORAGE.
`;

export const repairCommand: CommandModule = {
  register(program: Command) {
    withStorageOptions(program.command('repair'))
      .description('let a cluster lead again whose leader records were lost or put back')
      .option('--epoch <n>', 'the highest epoch anybody remembers', wholeNumber)
      .option('--person <name>', 'who vouches for it; stands in the records until a node leads')
      .option('--yes', 'do it')
      .addHelpText('after', HELP)
      .action(repair);
  },
};

async function repair(options: RepairCommandOptions): Promise<void> {
  if (options.yes && options.epoch === undefined) throw new UsageError('--yes needs --epoch');
  const answer = await withStorage(options, OVERTAKEN, (storage) =>
    options.yes ? mend(storage, options) : show(storage),
  );
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : text(answer));
}

type Documents = import('@message-vault/storage').Storage['documents'];

/** The two records as they are stored, whatever they hold; null for one that is not there. */
async function show({ documents }: { documents: Documents }): Promise<Record<string, string | null>> {
  const read = async (path: string): Promise<string | null> => {
    const stored = await documents.get(path);
    return stored === undefined ? null : new TextDecoder().decode(stored.body);
  };
  return { leader: await read('leader'), 'leader-claim': await read('leader-claim') };
}

async function mend(
  { documents }: { documents: Documents },
  options: RepairCommandOptions,
): Promise<Record<string, string | null>> {
  const [{ repairLeaderRecords }, { systemRuntime }] = await Promise.all([
    import('@message-vault/election'),
    import('@message-vault/runtime'),
  ]);
  const leader = await repairLeaderRecords({
    documents,
    runtime: systemRuntime,
    person: options.person ?? userInfo().username,
    highestKnownEpoch: options.epoch ?? 0,
  });
  return { leader: JSON.stringify(leader) };
}

function text(answer: Record<string, string | null>): string {
  return Object.entries(answer)
    .map(([path, body]) => `${path.padEnd(14)}${body ?? '(not there)'}\n`)
    .join('');
}
