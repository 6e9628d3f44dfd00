import { NameError, parseName, RESERVED_SEGMENT } from '@message-vault/metadata';
import { HttpProblem } from './problems.ts';

/** What a request is for. */
export type Target = NodeTarget | NameTarget;

/** The node itself: `/` and `/-/…`. */
export interface NodeTarget {
  readonly kind: 'node';
  /** Path and query in their one canonical spelling. */
  readonly url: string;
  readonly query: string;
}

/** A name, or with `subordinate` what belongs to it: `/{name}`, `/{name}/-/…`. */
export interface NameTarget {
  readonly kind: 'name';
  readonly name: string;
  /** What follows `/-/`, percent-encoded; empty for the name itself. What follows `relay/` is as it came. */
  readonly subordinate: string;
  readonly url: string;
  readonly query: string;
}

const PLAIN_PATH = /^\/[A-Za-z0-9._~/-]*$/;
const ESCAPED_SEPARATOR = /%(?:2f|5c|00)/i;
/** What follows it is the path of the service that is relayed to, to be passed on as it came. */
const RELAYED = '/-/relay/';
/** What a client may send and no URI can hold (RFC 3986). */
const NOT_OF_URIS = /[^\x21-\x7e]|["#<>\\^`{|}]/g;
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

/**
 * Reads the request target as it came, before anything normalises it: a name is what the client wrote, never what is
 * left after `..` and escaped slashes have been resolved. Throws NameError and HttpProblem (`bad_request`).
 */
export function parseTarget(rawUrl: string): Target {
  const { path, query } = splitQuery(rawUrl.replace(ABSOLUTE_FORM, '') || '/');
  if (!path.startsWith('/'))
    throw new HttpProblem('bad_request', 'the request target must begin with a slash');
  const { own, relayed } = splitRelayed(path);
  const segments = PLAIN_PATH.test(own) ? own.slice(1).split('/') : decodeSegments(own);
  const reserved = segments.indexOf(RESERVED_SEGMENT);
  if (path === '/' || reserved === 0) return nodeTarget(segments, query);
  const end = reserved < 0 ? segments.length : reserved;
  const name = parseName(segments.slice(0, end).join('/'));
  const subordinate = encodePath(segments.slice(end + 1)) + relayed;
  const url = reserved < 0 ? `/${name}${query}` : `/${name}/-/${subordinate}${query}`;
  if (reserved >= 0 && subordinate === '')
    throw new NameError(
      `${JSON.stringify(path)} ends in "-"`,
      'a name, or a name and /-/ and what is asked of it',
    );
  return { kind: 'name', name, subordinate, url, query };
}

function nodeTarget(segments: readonly string[], query: string): NodeTarget {
  return { kind: 'node', url: `/${encodePath(segments)}${query}`, query };
}

function splitQuery(rawUrl: string): { path: string; query: string } {
  const at = rawUrl.indexOf('?');
  return at < 0 ? { path: rawUrl, query: '' } : { path: rawUrl.slice(0, at), query: rawUrl.slice(at) };
}

/** Only a path's first `-` ends the name. */
function splitRelayed(path: string): { own: string; relayed: string } {
  const at = path.indexOf(RELAYED);
  if (at <= 0 || at !== path.indexOf(`/${RESERVED_SEGMENT}/`)) return { own: path, relayed: '' };
  const end = at + RELAYED.length - 1;
  return { own: path.slice(0, end), relayed: path.slice(end).replace(NOT_OF_URIS, encodeByte) };
}

/** A byte as a header holds it, for a URI. */
export function encodeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`;
}

function decodeSegments(path: string): string[] {
  if (ESCAPED_SEPARATOR.test(path)) {
    throw new NameError(
      'the path has an escaped separator',
      'slashes between the segments of a name to be written as /',
    );
  }
  return path.slice(1).split('/').map(decodeSegment);
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new NameError(`${JSON.stringify(segment)} is not percent-encoded UTF-8`, 'a name without escapes');
  }
}

function encodePath(segments: readonly string[]): string {
  return segments.map(encodeURIComponent).join('/');
}
