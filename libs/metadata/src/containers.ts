import { z } from 'zod';

/** `mv-` and 32 hexadecimal digits: random, so that a name that is taken anew never meets its old segments. */
export const containerSchema = z
  .string()
  .regex(/^mv-[0-9a-f]{32}$/, 'expected mv- and 32 hexadecimal digits');

/** Container name made from 16 random bytes. */
export function containerName(random: Uint8Array): string {
  return containerSchema.parse(`mv-${Buffer.from(random).toString('hex')}`);
}
