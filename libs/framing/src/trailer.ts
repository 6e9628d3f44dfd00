/*
 * Trailer: the last 8 bytes of a commit's last page, so that the end of the log can be read backwards.
 *
 *   offset  size  field
 *        0     4  magic "MVT1"
 *        4     4  byte length of the whole commit, u32: header, body, padding and this trailer
 */
import { viewOf } from './integers.ts';
import { assertFieldsFill } from './layout.ts';
import { COMMIT_HEADER_BYTES, MAX_COMMIT_BYTES, PAGE_BYTES, TRAILER_BYTES } from './limits.ts';

export const TRAILER_FIELDS = {
  magic: { at: 0, bytes: 4 },
  byteLength: { at: 4, bytes: 4 },
} as const;
assertFieldsFill('trailer', TRAILER_BYTES, TRAILER_FIELDS);

/** "MVT1" read as a little-endian u32. */
const MAGIC = 0x3154564d;

export function writeTrailer(view: DataView, endAt: number, byteLength: number): void {
  const at = endAt - TRAILER_BYTES;
  view.setUint32(at + TRAILER_FIELDS.magic.at, MAGIC, true);
  view.setUint32(at + TRAILER_FIELDS.byteLength.at, byteLength, true);
}

/**
 * What the trailer that ends at `endAt` says, or undefined when there is none (no room, no magic, or a length no
 * commit can have). A trailer alone proves nothing: producers choose the bytes of their messages.
 */
export function readTrailer(bytes: Uint8Array, endAt: number): { byteLength: number } | undefined {
  const at = endAt - TRAILER_BYTES;
  if (at < 0 || endAt > bytes.byteLength) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(at + TRAILER_FIELDS.magic.at, true) !== MAGIC) return undefined;
  const byteLength = view.getUint32(at + TRAILER_FIELDS.byteLength.at, true);
  const possible =
    byteLength > COMMIT_HEADER_BYTES && byteLength <= MAX_COMMIT_BYTES && byteLength % PAGE_BYTES === 0;
  return possible ? { byteLength } : undefined;
}
