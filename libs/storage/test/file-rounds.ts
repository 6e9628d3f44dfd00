/** What `file-program.ts` writes, and where. */
export const SEGMENT = { container: 'mv-rounds', segment: 's' };
/** Many rows, which take a while to be written. */
export const ROUND_BYTES = 4 * 1024 * 1024;

/** Every byte of a round is the same, and not that of the rounds beside it. */
export function roundBytes(round: number): Uint8Array {
  return new Uint8Array(ROUND_BYTES).fill(1 + (round % 250));
}
