import { z } from 'zod';

/** A place in the router's stream, in both its measures: everything before it is dealt with. */
export const positionSchema = z.strictObject({
  offset: z.int().nonnegative(),
  sequenceNumber: z.int().nonnegative(),
});

export type StreamPlace = z.infer<typeof positionSchema>;
