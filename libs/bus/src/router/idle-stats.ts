import { intakeOf, type RouterDocument } from '@message-vault/metadata';
import type { DispatcherPorts } from './ports.ts';
import type { RouterStats } from './requests.ts';

/** Of a router nobody has ever subscribed to: looked at from outside, nothing is opened for it. Errors: as of a StreamReader. */
export async function idleStats(
  { acquireReader, queues }: Pick<DispatcherPorts, 'acquireReader' | 'queues'>,
  router: RouterDocument,
): Promise<RouterStats> {
  const { reader, release } = acquireReader(intakeOf(router));
  try {
    const [{ nextOffset, nextSequenceNumber }, deadLettered] = await Promise.all([
      reader.bounds(),
      queues.countDeadLetters(router),
    ]);
    return { subscriptions: 0, listeners: 0, nextOffset, nextSequenceNumber, deadLettered, maxLag: 0 };
  } finally {
    release();
  }
}
