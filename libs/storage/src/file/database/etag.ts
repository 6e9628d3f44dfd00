import { randomBytes } from 'node:crypto';

/** A version never given before: random, since several processes give them. */
export function nextEtag(): string {
  return `"0x${randomBytes(8).toString('hex').toUpperCase()}"`;
}
