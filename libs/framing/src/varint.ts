/**
 * Unsigned LEB128: seven bits a byte, least significant first, the top bit set on all but the last byte.
 * Values are at most 2^32 - 1 (five bytes). Only the shortest form is valid, so every value has one encoding.
 */
export const MAX_VARINT_BYTES = 5;

/** How many bytes `value` takes. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** Writes `value` at `at` and returns where it ends. The caller has made room. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest >= 0x80) {
    bytes[position] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
    position += 1;
  }
  bytes[position] = rest;
  return position + 1;
}
