import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandModule } from '../context.ts';
import { CommandFailure, EXIT, UsageError } from '../exit.ts';

interface RepairCommandOptions {
  readonly storage?: string;
  readonly systemContainer: string;
  readonly epoch?: number;
  readonly person?: string;
  readonly yes?: true;
  readonly json?: true;
}

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
    program
      .command('repair')
      .description('let a cluster lead again whose leader records were lost or put back')
      .option('--storage <connection>', 'connection string or account URL of the storage')
      .option('--system-container <name>', 'container of the system documents', 'mv-sys')
      .option('--epoch <n>', 'the highest epoch anybody remembers', wholeNumber)
      .option('--person <name>', 'who vouches for it; stands in the records until a node leads')
      .option('--yes', 'do it')
      .option('--json', 'answer in JSON, for programs')
      .addHelpText('after', HELP)
      .action(repair);
  },
};

async function repair(options: RepairCommandOptions): Promise<void> {
  const access = options.storage ?? process.env.MVAULT_STORAGE;
  if (access === undefined) throw new UsageError('--storage or MVAULT_STORAGE is needed');
  if (options.yes && options.epoch === undefined) throw new UsageError('--yes needs --epoch');
  // Only who repairs needs to load what speaks to the storage.
  const { azureStorage, isStorageError } = await import('@message-vault/storage');
  const where = /^https?:/.test(access) ? { accountUrl: access } : { connectionString: access };
  const storage = azureStorage({ ...where, systemContainer: options.systemContainer });
  try {
    const answer = options.yes ? await mend(storage, options) : await show(storage);
    process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : text(answer));
  } catch (error) {
    if (!isStorageError(error)) throw error;
    throw new CommandFailure(explain(error), EXIT.failure, { cause: error });
  } finally {
    await storage.close();
  }
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

function explain(error: { code: string; message: string }): string {
  const overtaken = error.code === 'etag_mismatch' || error.code === 'already_exists';
  return overtaken
    ? 'the records have changed meanwhile: look again, there may be nothing to repair'
    : error.message;
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new InvalidArgumentError('expected a whole number.');
}
