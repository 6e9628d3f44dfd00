/**
 * Which of `candidates` a message goes to: the one whose name, mixed with the message's sequence number, gives the highest
 * number (rendezvous hashing, Thaler and Ravishankar 1998). As good as chosen at random, the same whenever it is asked,
 * and when one of the candidates is not there any more, only its messages go elsewhere. Undefined when there are none.
 */
export function chooseOne(sequenceNumber: number, candidates: Iterable<string>): string | undefined {
  let chosen: string | undefined;
  let highest = -1;
  for (const candidate of candidates) {
    const weight = mixed(sequenceNumber, hashed(candidate));
    if (weight > highest || (weight === highest && chosen !== undefined && candidate < chosen)) {
      highest = weight;
      chosen = candidate;
    }
  }
  return chosen;
}

/** FNV-1a, 32 bits. */
function hashed(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** The finaliser of MurmurHash3 over both halves of the number and the name. */
function mixed(number: number, name: number): number {
  const low = number >>> 0;
  const high = Math.floor(number / 2 ** 32) >>> 0;
  return finalised(finalised(finalised(name ^ 0x9e3779b9) ^ low) ^ high);
}

function finalised(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
