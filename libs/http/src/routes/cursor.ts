import { createHash } from 'node:crypto';
import { badParameter } from '../query.ts';

/** First byte of every cursor. Changes when what follows does. */
const VERSION = 1;
const DIGEST_BYTES = 6;
const HEAD_BYTES = 1 + DIGEST_BYTES;
const BASE64URL = /^[A-Za-z0-9_-]{1,4096}$/;

/**
 * The cursor clients get for `cursor`, where the port's next page starts: version, digest and cursor in base64url. What
 * the storage calls its places is no business of theirs. `listing` is what is being listed: a cursor goes on in the same
 * listing only, and one that was made up goes on nowhere.
 */
export function sealCursor(listing: string, cursor: string): string {
  const head = Buffer.from([VERSION]);
  return Buffer.concat([head, digest(listing, cursor), Buffer.from(cursor)]).toString('base64url');
}

/** The port's cursor of `sealed`. Throws `bad_parameter` for anything but a cursor that this listing has given. */
export function openCursor(listing: string, sealed: string): string {
  const bytes = Buffer.from(BASE64URL.test(sealed) ? sealed : '', 'base64url');
  const cursor = bytes.toString('utf8', HEAD_BYTES);
  if (bytes.length <= HEAD_BYTES || sealCursor(listing, cursor) !== sealed) {
    throw badParameter(
      'cursor',
      `is ${JSON.stringify(sealed.slice(0, 64))}: expected the one an answer to the same listing has given`,
    );
  }
  return cursor;
}

function digest(listing: string, cursor: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([listing, cursor]))
    .digest()
    .subarray(0, DIGEST_BYTES);
}
