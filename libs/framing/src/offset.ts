import { FramingError } from './errors.ts';
import { MAX_PAGE } from './limits.ts';

const INDEXES_PER_PAGE = 65_536;

/** Where a message is: the absolute page its commit starts at, and its place in that commit. */
export interface MessagePlace {
  readonly page: number;
  readonly index: number;
}

/** `page * 65536 + index`: always a safe integer, and in the order of the stream. Throws `bad_value` out of range. */
export function encodeOffset(page: number, index: number): number {
  if (!Number.isInteger(page) || page < 0 || page > MAX_PAGE) {
    throw new FramingError('bad_value', 0, `page must be an integer from 0 to ${MAX_PAGE}, got ${page}`);
  }
  if (!Number.isInteger(index) || index < 0 || index >= INDEXES_PER_PAGE) {
    throw new FramingError('bad_value', 0, `index must be an integer from 0 to 65535, got ${index}`);
  }
  return page * INDEXES_PER_PAGE + index;
}

/** The inverse of encodeOffset. Throws `bad_value` for what is no offset. */
export function decodeOffset(offset: number): MessagePlace {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new FramingError('bad_value', 0, `an offset is an integer from 0 to 2^53 - 1, got ${offset}`);
  }
  return { page: Math.floor(offset / INDEXES_PER_PAGE), index: offset % INDEXES_PER_PAGE };
}
