import { hashOf } from '@message-vault/checkers';
import type { OutgoingRecord } from '@message-vault/client';
import type { SeededRandom } from '@message-vault/runtime/testing';

/** Which message this is, as its value says. */
export interface Named {
  readonly producer: string;
  readonly sequence: number;
}

/** Mostly within a page or two, sometimes over several: those are the ones that can be torn. */
const SIZES = [0, 20, 20, 100, 100, 700, 700, 1500, 4000] as const;

/** What messages may be labelled, in a header; '' for one without. */
export const LABELS = ['', 'red', 'green', 'blue'] as const;
export const LABEL_HEADER = 'colour';

/** Draws nothing: messages are the same with labels and without. */
function labelOf(hash: number): string {
  return LABELS[hash % LABELS.length] ?? '';
}

/** About as many bytes as go into a queue's message directly: some fit by a few, or don't as dead letters any more. */
const BARELY_FITTING = 48_960;
const STRADDLE = 120;
const TOO_LARGE = 60_000;

/** How messages are made up. */
export interface Making {
  readonly isLabelled: boolean;
  /** Share of messages that are about too large for a queue's message, or by far. */
  readonly large?: number | undefined;
}

/** A message that says whose it is, in a value of some size. */
export function makeMessage(
  random: SeededRandom,
  { producer, sequence }: Named,
  { isLabelled, large = 0 }: Making,
): { message: OutgoingRecord; hash: number; label: string } {
  const padding = 'x'.repeat(large > 0 && random.chance(large) ? largeSize(random) : sizeOf(random));
  const value = `${producer} ${sequence} ${padding}`;
  const key = random.chance(0.3) ? `key ${random.below(5)}` : undefined;
  const hash = hashOf(value);
  const label = isLabelled ? labelOf(hash) : '';
  const headers = label === '' ? [] : [[LABEL_HEADER, label] as const];
  return { message: { value, key, headers }, hash, label };
}

function sizeOf(random: SeededRandom): number {
  return random.below(random.pick(SIZES) + 1);
}

function largeSize(random: SeededRandom): number {
  return random.pick([BARELY_FITTING + random.below(STRADDLE), TOO_LARGE]);
}

/** Bytes the names in front take at the most. */
const MOST_NAMED = 48;

/** Undefined for bytes no producer of the simulation makes. */
export function nameIn(value: Uint8Array): Named | undefined {
  const [producer, sequence] = Buffer.from(
    value.buffer,
    value.byteOffset,
    Math.min(value.byteLength, MOST_NAMED),
  )
    .toString('latin1')
    .split(' ', 2);
  if (producer === undefined || sequence === undefined || !/^\d+$/.test(sequence)) return undefined;
  return { producer, sequence: Number(sequence) };
}
