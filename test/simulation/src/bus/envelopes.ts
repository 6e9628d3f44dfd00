import { decodeBatch, decodeBatchHeader } from '@message-vault/framing';
import { type Named, nameIn } from '../workload/messages.ts';

/** Where an envelope holds what, as libs/bus has it. */
const FLAGS_AT = 9;
const FLAG_STORED = 1;
const REDRIVES_AT = 44;
const REASON_LENGTH_AT = 46;
const TEXT_LENGTHS_AT = [REASON_LENGTH_AT, 48] as const;
const ID_LENGTH_AT = 50;
const TEXTS_AT = 56;

const BATCH_MAGIC = 'MVB1';

/** How many times it has come back from the dead letters. */
export function redrivesIn(envelope: Uint8Array): number {
  return bufferOf(envelope).readUInt16LE(REDRIVES_AT);
}

/** It says why it was given up. */
export function isDeadLetter(envelope: Uint8Array): boolean {
  return bufferOf(envelope).readUInt16LE(REASON_LENGTH_AT) > 0;
}

/** Of the body it refers to; undefined when it holds its message itself. */
export function bodyIdIn(envelope: Uint8Array): string | undefined {
  const bytes = bufferOf(envelope);
  if ((bytes.readUInt8(FLAGS_AT) & FLAG_STORED) === 0) return undefined;
  const at = TEXT_LENGTHS_AT.reduce((sum, lengthAt) => sum + bytes.readUInt16LE(lengthAt), TEXTS_AT);
  return bytes.toString('latin1', at, at + bytes.readUInt16LE(ID_LENGTH_AT));
}

/** Of the message that an envelope, or a body, holds as a batch of one. */
export function namedIn(body: Uint8Array): Named | undefined {
  const at = bufferOf(body).indexOf(BATCH_MAGIC, 'latin1');
  if (at < 0) return undefined;
  const { byteLength } = decodeBatchHeader(body, at);
  const [message] = decodeBatch(body.subarray(at, at + byteLength)).messages;
  return message && nameIn(message.value);
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
