import { type HistoryEvent, hashOf } from '@message-vault/checkers';
import type { VaultClient } from '@message-vault/client';
import { now } from '../wait.ts';
import { identityOf } from '../workload/messages.ts';

const WAIT_SECONDS = 2;

/** Takes the dead letters of a name for as long as the signal lets it, and writes down what they are. */
export async function readDeadLetters(
  client: VaultClient,
  of: string,
  { record, signal }: { record: (event: HistoryEvent) => void; signal: AbortSignal },
): Promise<void> {
  await client.queue(`${of}/dead-letter`).consume(
    ({ headers, value, deadLetter }) => {
      const { producer, sequence } = identityOf(headers);
      record({
        kind: 'dead-letter',
        at: now(),
        of,
        producer: producer ?? 'nobody',
        sequence,
        hash: hashOf(value),
        reason: deadLetter?.reason ?? '',
        source: deadLetter?.source ?? '',
      });
    },
    // One that comes twice is told twice.
    { signal, waitSeconds: WAIT_SECONDS, onProblem: () => {} },
  );
}
