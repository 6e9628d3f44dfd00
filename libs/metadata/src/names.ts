import { NameError } from './errors.ts';

/** Longest segment of a name, characters. */
export const MAX_SEGMENT_CHARS = 128;
/** Longest name, characters, slashes included. */
export const MAX_NAME_CHARS = 512;
/** The segment that separates a name from its subordinate URIs; never part of a name. */
export const RESERVED_SEGMENT = '-';

/** What a name may hold over time; `none` until a policy or a first publish says otherwise. */
export const ROLES = ['none', 'stream', 'queue', 'router', 'connection-point', 'metadata'] as const;
export type NameRole = (typeof ROLES)[number];

const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._~-]*$/;
const NAME_PREFIX = /^(?!\/)(?!.*\/\/)[A-Za-z0-9._~/-]*$/;

const SEGMENT_RULE =
  'segments of 1 to 128 characters out of A-Z a-z 0-9 . _ ~ - that begin with a letter or digit, separated by /';

/** Returns `text` if it is a name (segments joined by `/`, no slash at either end); throws NameError otherwise. */
export function parseName(text: string): string {
  if (text.length === 0) throw new NameError('the name is empty', SEGMENT_RULE);
  if (text.length > MAX_NAME_CHARS) {
    throw new NameError(`the name has ${text.length} characters`, `at most ${MAX_NAME_CHARS}`);
  }
  for (const segment of text.split('/')) checkSegment(segment);
  return text;
}

function checkSegment(segment: string): void {
  if (segment.length === 0) throw new NameError('the name has an empty segment', SEGMENT_RULE);
  if (segment === RESERVED_SEGMENT) {
    throw new NameError('the segment "-" is reserved', `a name without it; ${SEGMENT_RULE}`);
  }
  if (segment.length > MAX_SEGMENT_CHARS) {
    throw new NameError(
      `a segment of the name has ${segment.length} characters`,
      `at most ${MAX_SEGMENT_CHARS}`,
    );
  }
  if (!SEGMENT.test(segment)) {
    throw new NameError(`${JSON.stringify(segment)} can't be a segment of a name`, SEGMENT_RULE);
  }
}

export function isName(text: string): boolean {
  try {
    parseName(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns `text` if names can begin with it: empty, or characters of names with no empty segment before the last.
 * Throws NameError otherwise.
 */
export function parseNamePrefix(text: string): string {
  if (text.length > MAX_NAME_CHARS || !NAME_PREFIX.test(text)) {
    throw new NameError('no name can begin with this prefix', `the beginning of a name: ${SEGMENT_RULE}`);
  }
  return text;
}
