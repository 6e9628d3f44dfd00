import { FramingError } from './errors.ts';

const TWO_32 = 2 ** 32;
const MAX_SAFE_HIGH = 2 ** 21 - 1;
const ALL_ONES = 0xffffffff;

/** A DataView over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads a little-endian u64 that must be at most 2^53 - 1. */
export function getU64(view: DataView, at: number, what: string): number {
  const high = view.getUint32(at + 4, true);
  if (high > MAX_SAFE_HIGH) throw new FramingError('bad_value', at, `${what} is above 2^53 - 1`);
  return high * TWO_32 + view.getUint32(at, true);
}

/** True when all 64 bits are ones: how "none" is written. */
export function isU64AllOnes(view: DataView, at: number): boolean {
  return view.getUint32(at, true) === ALL_ONES && view.getUint32(at + 4, true) === ALL_ONES;
}

export function putU64AllOnes(view: DataView, at: number): void {
  view.setUint32(at, ALL_ONES, true);
  view.setUint32(at + 4, ALL_ONES, true);
}

/** Writes a little-endian u64; refuses what is no safe integer from 0. */
export function putU64(view: DataView, at: number, value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new FramingError('bad_value', at, `${what} must be an integer from 0 to 2^53 - 1, got ${value}`);
  }
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/** Writes a little-endian u32; refuses what does not fit. */
export function putU32(view: DataView, at: number, value: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value >= TWO_32) {
    throw new FramingError('bad_value', at, `${what} must be an integer from 0 to 2^32 - 1, got ${value}`);
  }
  view.setUint32(at, value, true);
}

/** Refuses a reserved u32 or u64 (given as its two halves) that is not zero. */
export function requireZeroU32(view: DataView, at: number, what: string): void {
  if (view.getUint32(at, true) !== 0) throw new FramingError('reserved_not_zero', at, `${what} must be zero`);
}

/** Refuses when fewer than `length` bytes are present from `at`. The error points at the end of what is there. */
export function requireBytes(bytes: Uint8Array, at: number, length: number, what: string): void {
  if (at < 0 || at + length > bytes.byteLength) {
    throw new FramingError('truncated', bytes.byteLength, `${what} needs ${length} bytes from byte ${at}`);
  }
}
