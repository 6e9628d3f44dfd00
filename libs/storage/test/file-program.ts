/**
 * A process that uses a folder while others do: `race DIR` tries to make a document, `write DIR` writes until it is killed,
 * `survive DIR` goes on when the thread of the database has died.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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

/** Tells what becomes of the calls that meet a bug there, and of those after them. */
async function survive({ documents }: Storage, dir: string): Promise<void> {
  process.on('uncaughtException', (error) => process.stdout.write(`uncaught: ${error.message}\n`));
  // The thread may be at work on it just now.
  const damage = new DatabaseSync(join(dir, 'mv-sys.db'), { timeout: 10_000 });
  damage.exec('DROP TABLE documents');
  damage.close();
  const tell = (error: Error): boolean => process.stdout.write(`${error.message}\n`);
  await Promise.all([documents.get('path').catch(tell), documents.get('path').catch(tell)]);
  await documents.get('path').catch(tell);
}

const [job, dir = ''] = process.argv.slice(2);
const storage = await fileStorage({ dir });
const jobs = { race, write, survive };
if (job === 'race' || job === 'write' || job === 'survive') await jobs[job](storage, dir);
await storage.close();
process.stdout.write(job === 'survive' ? 'closed\n' : '');
