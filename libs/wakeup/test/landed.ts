import type { LandedCommit } from '@message-vault/log';

/** What stands for a commit here: nobody looks into it. */
export function landed(text: string): LandedCommit {
  return { bytes: Buffer.from(text), versionBefore: '"one"', version: '"two"' };
}
