import { Buffer } from 'node:buffer';
import { FramingError } from './errors.ts';

export const UUID_BYTES = 16;
/** Stands for "none" where a UUID is optional, so it is never a valid one there. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return PATTERN.test(text);
}

/** Writes a UUID's 16 bytes in the order its text shows them. Any version; upper or lower case. */
export function writeUuid(bytes: Uint8Array, at: number, uuid: string, what: string): void {
  if (!isUuid(uuid)) throw new FramingError('bad_value', at, `${what} must be a UUID`);
  const target = Buffer.from(bytes.buffer, bytes.byteOffset + at, UUID_BYTES);
  target.write(uuid.replaceAll('-', ''), 'hex');
}

/** The text of the UUID at `at`, in lower case. */
export function readUuid(bytes: Uint8Array, at: number): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + at, UUID_BYTES).toString('hex');
  return formatUuid(hex);
}

/** Puts the dashes into 32 hex digits. By `join`, which makes one string of 56 bytes; `+` keeps all its parts, six times that. */
export function formatUuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
