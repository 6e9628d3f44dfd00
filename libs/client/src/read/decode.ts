import {
  type CommitHeader,
  type DecodedCommit,
  decodeCommit,
  decodeStoredBatch,
  FramingError,
} from '@message-vault/framing';
import { VaultClientError } from '../errors.ts';
import { VaultMessage } from '../messages.ts';

/** The commits of an answer, taken apart without copying. Error: `bad_answer`. */
export function decodeCommits(body: Uint8Array): DecodedCommit[] {
  return refusingDamage(() => {
    const commits: DecodedCommit[] = [];
    for (let at = 0; at < body.byteLength; ) {
      const commit = decodeCommit(body, at);
      commits.push(commit);
      at += commit.header.byteLength;
    }
    return commits;
  });
}

/** Those of their messages that `includes` accepts, one after the other; only one batch is decompressed at a time. */
export function* messagesOf(
  commits: readonly { readonly header: CommitHeader; readonly batches: readonly Uint8Array[] }[],
  includes: (message: VaultMessage) => boolean,
): Generator<VaultMessage, void, undefined> {
  for (const { header, batches } of commits) {
    let index = 0;
    for (const batch of batches) {
      const { messages } = refusingDamage(() => decodeStoredBatch(batch));
      for (const content of messages) {
        const message = new VaultMessage(header, index, content);
        index += 1;
        if (includes(message)) yield message;
      }
    }
  }
}

function refusingDamage<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof FramingError)) throw cause;
    throw new VaultClientError('bad_answer', `the commits received are damaged: ${cause.message}`, { cause });
  }
}
