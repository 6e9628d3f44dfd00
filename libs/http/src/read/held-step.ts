import { decodeBatchHeader, MAX_COMMIT_BYTES } from '@message-vault/framing';
import type { ReadRequest, ReadResult, StoredCommit, StreamReader } from '@message-vault/log';
import type { ReadBudget, ReadPermit } from './read-budget.ts';

/** Commits in memory, counted as held until they are let go of. */
export interface HeldStep extends ReadResult {
  /** Does nothing the second time. */
  release(): void;
}

/**
 * Reads a step as soon as there is room for it. How much it takes is known for sure only when it is there: what turns
 * out larger than it might have been expected is read again with the room it needs.
 */
export async function readStep(
  budget: ReadBudget,
  reader: StreamReader,
  request: ReadRequest & { readonly signal: AbortSignal },
): Promise<HeldStep> {
  let wanted = Math.max(request.maxBytes, MAX_COMMIT_BYTES);
  for (;;) {
    const permit = await budget.take(wanted, request.signal);
    try {
      const step = await reader.read(request);
      wanted = memoryOf(step.commits);
      if (wanted <= permit.bytes || permit.bytes === budget.maxBytes) {
        permit.shrink(wanted);
        return { ...step, release: () => letGo(step, permit) };
      }
      step.release();
    } catch (error) {
      permit.release();
      throw error;
    }
    permit.release();
  }
}

function letGo(step: ReadResult, permit: ReadPermit): void {
  step.release();
  permit.release();
}

/** The buffers behind the commits, and one batch unpacked, as it is while its messages are rendered. */
function memoryOf(commits: readonly StoredCommit[]): number {
  const buffers = new Set(commits.map(({ bytes }) => bytes.buffer));
  let unpacked = 0;
  for (const batch of commits.flatMap(({ batches }) => batches)) {
    const { codec, recordsBytes } = decodeBatchHeader(batch);
    if (codec !== 'none') unpacked = Math.max(unpacked, recordsBytes);
  }
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, unpacked);
}
