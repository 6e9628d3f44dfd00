/*
 * `cursors/<router id>`: how far the router has got. Rewritten at most every few hundred milliseconds while things move,
 * and at once before anything is acted upon that the next leader has to know of (see `one`).
 */
import { z } from 'zod';
import { codecOf } from './document-codec.ts';
import { positionSchema } from './position.ts';

/** Under what identity the next batch goes into a stream or router. Its boundaries follow from the cursor alone. */
const producerSchema = z.strictObject({
  epoch: z.int().nonnegative(),
  sequence: z.int().nonnegative(),
});

const cursorSchema = positionSchema.extend({
  producer: producerSchema.optional(),
  /**
   * Nothing at or beyond it was ever sent to the stream or router, nor will be before it is saved that this holds no
   * more. Where it is missing nobody knows how far an earlier leader got.
   */
  reached: positionSchema.optional(),
});

/** These offsets, and the first `count` messages of the share not done and below `below`. */
const doubtSchema = z.strictObject({
  offsets: z.array(z.int().nonnegative()),
  count: z.int().nonnegative(),
  below: z.int().nonnegative(),
});

/** What lies from `from` on and before `to`. */
const gapSchema = z.strictObject({ from: positionSchema, to: positionSchema });

/** A part of the router's stream that is one member's to deliver (distribution `one`). */
const shareSchema = z.strictObject({
  member: z.uuid(),
  cursor: cursorSchema,
  /** Offsets at or beyond the cursor that are dealt with. */
  done: z.array(z.int().nonnegative()),
  /** What the member wants: kept here, since it decides for as long as the share does who had which message. */
  filter: z.string().optional(),
  /** The member has left: what the share still holds goes to others. */
  left: z.boolean(),
  /** What the policy let the member not have, in order, as far as the cursor has not passed it. Nobody else has it either. */
  discarded: z.array(gapSchema).optional(),
  /** Of one that has left: what an earlier leader may have delivered. Nobody else may be given it. */
  doubt: doubtSchema.optional(),
});

/** From this offset on, up to the next era's, messages belong to these shares, each to the one a hash picks. */
const eraSchema = z.strictObject({ from: positionSchema, shares: z.array(z.string()) });

/** A message that goes to another member than the one it was first for. */
const moveSchema = z.strictObject({
  offset: z.int().nonnegative(),
  sequenceNumber: z.int().nonnegative(),
  /** The share it came out of: kept until that share's cursor has passed it. */
  share: z.string(),
  to: z.uuid(),
  /** Its place in the order of moves to a stream or router. */
  place: z.int().nonnegative(),
  /** Tries at all members together. */
  attempts: z.int().nonnegative(),
  done: z.boolean(),
});

const memberSchema = z.strictObject({
  /**
   * `listener`: known only here; what it has acknowledged is saved before it is told so. `push`: a webhook or queue, which
   * may have taken what is not saved. `exact`: a stream or router, which knows what it has.
   */
  kind: z.enum(['listener', 'push', 'exact']),
  /** Producer epoch and next place of what is moved to it. */
  moves: producerSchema,
});

const oneSchema = z.strictObject({
  nextShare: z.int().nonnegative(),
  eras: z.array(eraSchema),
  shares: z.record(z.string(), shareSchema),
  moves: z.array(moveSchema),
  members: z.record(z.string(), memberSchema),
});

const cursorsSchema = z.strictObject({
  version: z.literal(1),
  routerId: z.uuid(),
  epoch: z.int().nonnegative(),
  /** Distribution `all`: by subscription. */
  cursors: z.record(z.string(), cursorSchema),
  /** Likewise: what the policy let a subscriber not have, in order, as far as the cursor has not passed it. */
  discarded: z.record(z.string(), z.array(gapSchema)).optional(),
  /** Distribution `one`. */
  one: oneSchema.optional(),
});

export type Gap = z.infer<typeof gapSchema>;
export type ProducerPlace = z.infer<typeof producerSchema>;
export type Cursor = z.infer<typeof cursorSchema>;
export type Share = z.infer<typeof shareSchema>;
export type Era = z.infer<typeof eraSchema>;
export type Doubt = z.infer<typeof doubtSchema>;
export type Move = z.infer<typeof moveSchema>;
export type Member = z.infer<typeof memberSchema>;
export type OneState = z.infer<typeof oneSchema>;
export type RouterCursors = z.infer<typeof cursorsSchema>;

export function cursorsPath(routerId: string): string {
  return `cursors/${routerId}`;
}

export const cursorsCodec = codecOf(cursorsSchema, 'a router’s cursors');
