/** A process that uses a folder while others do: `race DIR` tries to make a document, `write DIR` writes until it is killed. */
import { fileStorage, isStorageError, type Storage } from '@message-vault/storage';
import { ROUND_BYTES, roundBytes, SEGMENT } from './file-rounds.ts';

async function race({ documents }: Storage): Promise<void> {
  const body = new TextEncoder().encode(String(process.pid));
  try {
    await documents.put('raced', body, { ifAbsent: true });
    process.stdout.write('first');
  } catch (error) {
    process.stdout.write(isStorageError(error) ? error.code : String(error));
  }
}

/** Tells of each round that was acknowledged, on a line of its own. */
async function write({ pages }: Storage): Promise<void> {
  await pages.createContainer(SEGMENT.container);
  let { etag } = await pages.createSegment(SEGMENT, { sizeBytes: 8 * 1024 ** 3, epoch: 1 });
  for (let round = 0; ; round++) {
    const offset = round * ROUND_BYTES;
    ({ etag } = await pages.writePages(SEGMENT, offset, roundBytes(round), { epoch: 1, etag }));
    process.stdout.write(`${round}\n`);
  }
}

const [job, dir = ''] = process.argv.slice(2);
const storage = await fileStorage({ dir });
await (job === 'race' ? race(storage) : write(storage));
await storage.close();
