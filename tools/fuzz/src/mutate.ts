import type { SeededRandom } from '@message-vault/runtime/testing';
import { bufferOver } from './seal.ts';

/** Numbers at which length and count checks go wrong: limits of the format, sizes of its headers, powers of two, each with its neighbours. */
export const EDGES: readonly number[] = [
  ...[0, 4, 5, 8, 16, 24, 48, 56, 128, 160, 168, 512, 1024, 8192, 16_384, 65_536, 2 ** 21, 2 ** 22, 2 ** 24],
  ...[4 * 1024 * 1024 - 4096, 4 * 1024 * 1024 - 168, 2 ** 31, 2 ** 32 - 1],
].flatMap((edge) => [edge - 1, edge, edge + 1].filter((number) => number >= 0 && number < 2 ** 32));

type Mutation = (random: SeededRandom, bytes: Uint8Array, other: Uint8Array) => Uint8Array;

/** Changes that know nothing of the format. Each returns new bytes; none touches what it was given. */
const MUTATIONS: readonly Mutation[] = [
  function flipBits(random, bytes) {
    const changed = bytes.slice();
    for (let left = 1 + random.below(4); left > 0 && changed.byteLength > 0; left -= 1) {
      const at = random.below(changed.byteLength);
      changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
    }
    return changed;
  },
  function setBytes(random, bytes) {
    const changed = bytes.slice();
    const at = random.below(bytes.byteLength + 1);
    changed.set(random.bytes(Math.min(1 + random.below(8), bytes.byteLength - at)), at);
    return changed;
  },
  function setByteToEdge(random, bytes) {
    const changed = bytes.slice();
    if (changed.byteLength > 0)
      changed[random.below(changed.byteLength)] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
    return changed;
  },
  function setWordToEdge(random, bytes) {
    return setWord(bytes, random.below(Math.max(1, bytes.byteLength - 3)), random.pick(EDGES));
  },
  function truncate(random, bytes) {
    return bytes.slice(0, random.below(bytes.byteLength + 1));
  },
  function extend(random, bytes) {
    return Buffer.concat([bytes, random.bytes(1 + random.below(600))]);
  },
  function cutOut(random, bytes) {
    const at = random.below(bytes.byteLength + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(40))]);
  },
  function repeat(random, bytes) {
    const at = random.below(bytes.byteLength + 1);
    const end = at + random.below(64);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  },
  function splice(random, bytes, other) {
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.byteLength + 1)),
      other.subarray(random.below(other.byteLength + 1)),
    ]);
  },
  function overwrite(random, bytes, other) {
    const changed = bytes.slice();
    const from = random.below(other.byteLength + 1);
    const at = random.below(bytes.byteLength + 1);
    changed.set(other.subarray(from, from + Math.min(random.below(200), bytes.byteLength - at)), at);
    return changed;
  },
];

/** One to three changes in a row. `other` is a second sample to splice from. */
export function mutateBlindly(random: SeededRandom, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  let changed = bytes;
  for (let left = 1 + random.below(3); left > 0; left -= 1)
    changed = random.pick(MUTATIONS)(random, changed, other);
  return changed;
}

/** A copy with a little-endian u32 at `at`; unchanged where there is no room for one. */
export function setWord(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice();
  if (at + 4 <= changed.byteLength) bufferOver(changed).writeUInt32LE(value, at);
  return changed;
}
