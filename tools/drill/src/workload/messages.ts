import type { Read } from '@message-vault/checkers';
import { hashOf } from '@message-vault/checkers';
import type { OutgoingRecord } from '@message-vault/client';

const PRODUCER = 'drill-producer';
const SEQUENCE = 'drill-sequence';
const KEYS = 16;
const SMALL_BYTES = 900;
/** Now and then a message of several pages, so that commits differ in size. */
const LARGE_BYTES = 24_000;
const LARGE_SHARE = 0.01;

export interface DrillMessage {
  readonly record: OutgoingRecord;
  readonly hash: number;
}

/** Message `sequence` of a producer: what it is stands in its headers, and its value is unlike any other. */
export function makeMessage(
  producer: string,
  sequence: number,
  random: () => number,
  largeBytes = LARGE_BYTES,
): DrillMessage {
  const limit = random() < LARGE_SHARE ? largeBytes : SMALL_BYTES;
  const filling = Math.floor(random() * 2 ** 32).toString(36);
  const value = `${producer} ${sequence} `.padEnd(40 + Math.floor(random() * limit), filling);
  return {
    record: {
      key: `key-${sequence % KEYS}`,
      value,
      headers: { [PRODUCER]: producer, [SEQUENCE]: String(sequence) },
    },
    hash: hashOf(value),
  };
}

/** What a reader of any kind gives. */
export interface GivenMessage {
  readonly offset: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly value: Uint8Array;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** How it stands in the history that `consumer` was given this message. */
export function readOf(
  message: GivenMessage,
  where: { at: number; stream: string; consumer: string; epoch?: number },
): Read {
  const { offset, sequenceNumber, timestamp, value } = message;
  return {
    kind: 'read',
    ...where,
    offset,
    sequenceNumber,
    timestamp,
    ...identityOf(message.headers),
    hash: hashOf(value),
  };
}

/** Which message of whose it is, by what its headers say. */
export function identityOf(headers: GivenMessage['headers']): { producer: string | null; sequence: number } {
  const header = (name: string): string | undefined => headers.find(([candidate]) => candidate === name)?.[1];
  return { producer: header(PRODUCER) ?? null, sequence: Number(header(SEQUENCE) ?? 0) };
}
