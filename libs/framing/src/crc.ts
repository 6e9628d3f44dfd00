/** The reflected polynomial of CRC-32 (IEEE 802.3), without its highest power. */
const POLYNOMIAL = 0xed_b8_83_20;
/** The polynomial 1: bit 31 is the coefficient of x⁰. */
const ONE = 0x80_00_00_00;

/** x to the power of 2^n, modulo the polynomial; n from 0 to 34: enough for 4 GiB of bits. */
const POWERS: readonly number[] = powersOfX(35);

/** The CRC-32 of two pieces one after the other, from their own; takes no longer for long pieces than for short ones. */
export function joinCrcs(first: number, second: number, secondBytes: number): number {
  return (product(shiftBy(secondBytes), first) ^ second) >>> 0;
}

/** What the CRC before a piece of so many bytes is to be multiplied with. */
function shiftBy(bytes: number): number {
  let factor = ONE;
  // A byte is 2^3 bits.
  for (let left = bytes, power = 3; left > 0; left = Math.floor(left / 2), power += 1)
    if (left % 2 === 1) factor = product(POWERS[power] ?? ONE, factor);
  return factor;
}

function powersOfX(count: number): number[] {
  const powers = [ONE >>> 1];
  for (let last = ONE >>> 1; powers.length < count; powers.push(last)) last = product(last, last);
  return powers;
}

/** The product of two polynomials over GF(2), modulo the polynomial. */
function product(a: number, b: number): number {
  let sum = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) sum ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return sum >>> 0;
}
