import { entryOfLock, isQueueError, type Queues } from '@message-vault/bus';
import type { NodePorts } from '@message-vault/http';
import type { QueueDocument } from '@message-vault/metadata';
import { isStorageError, type Storage } from '@message-vault/storage';
import { overlaid } from './overlaid.ts';
import type { Plant } from './plant.ts';

/** What a lock id says before its texts, and where their lengths stand. */
const TEXTS_AT = 47;
const ID_LENGTH_AT = 43;
const RECEIPT_LENGTH_AT = 44;

/** The storage takes a receipt for as long as nobody else has been given the message. */
export const ignoreDeadline: Plant = {
  name: 'ignore-deadline',
  profile: 'bus',
  says: 'an acknowledgement counts for as long as the storage takes it, whether the lock is over or not',
  ports: (ports: NodePorts, storage: Storage) => {
    const acknowledge: Queues['acknowledge'] = async (document, lockId) => {
      try {
        await ports.queues.acknowledge(document, lockId);
      } catch (error) {
        if (!isQueueError(error, 'lock_lost') || !(await removeAnyway(storage, document, lockId)))
          throw error;
      }
    };
    return overlaid(ports, { queues: overlaid(ports.queues, { acknowledge }) });
  },
};

async function removeAnyway(storage: Storage, { queue }: QueueDocument, lockId: string): Promise<boolean> {
  const messageId = entryOfLock(lockId);
  const bytes = Buffer.from(lockId, 'base64url');
  if (messageId === undefined) return false;
  const at = TEXTS_AT + bytes.readUInt8(ID_LENGTH_AT);
  const popReceipt = bytes.toString('latin1', at, at + bytes.readUInt16LE(RECEIPT_LENGTH_AT));
  try {
    await storage.queues.delete(queue, { messageId, popReceipt });
    return true;
  } catch (error) {
    if (isStorageError(error)) return false;
    throw error;
  }
}
