import type { CommandModule } from '../context.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { type StorageAccessOptions, withStorage, withStorageOptions } from '../storage-access.ts';

const HELP = `
The nodes sign the locks of queues with it, and close what goes through Redis. They take up a new one within a minute, by
themselves; what was signed before is good until the next time, so wait for the longest lock before you do it again. See
docs/operations.md.

The storage is reached directly, as the nodes reach it: --storage, or better the variable MVAULT_STORAGE.
`;

export const rotateSecretCommand: CommandModule = {
  register(program) {
    withStorageOptions(program.command('rotate-secret'))
      .description('give the cluster another secret')
      .addHelpText('after', HELP)
      .action(rotateSecret);
  },
};

async function rotateSecret(options: StorageAccessOptions): Promise<void> {
  const overtaken = 'somebody else has replaced the secret just now';
  const done = await withStorage(options, overtaken, async ({ documents }) => {
    const [{ rotateClusterSecret }, { systemRuntime }] = await Promise.all([
      import('@message-vault/bus'),
      import('@message-vault/runtime'),
    ]);
    return await rotateClusterSecret(documents, systemRuntime);
  });
  if (!done)
    throw new CommandFailure(
      'the cluster has no secret yet: a node makes one when it needs it',
      EXIT.failure,
    );
  const told = 'the nodes take up the new secret within a minute; the one before is good until the next time';
  process.stdout.write(options.json ? '{"rotated":true}\n' : `${told}\n`);
}
