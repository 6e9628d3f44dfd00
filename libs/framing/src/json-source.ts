/*
 * Finds the text that a part of a JSON document was written as: numbers a double can't hold, and all else a producer
 * cares about, survive only in their source. All functions take text that JSON.parse has accepted; nothing recurses, so
 * depth costs nothing, and what is found is a slice of the text, without the space around it.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;

/** The text of the object's member `name`; of the last one, as JSON.parse has it. Undefined if `text` has none. */
export function memberSource(text: string, name: string): string | undefined {
  const start = skipSpace(text, 0);
  if (text.charCodeAt(start) !== OPEN_OBJECT) return undefined;
  let found: string | undefined;
  let next = skipSpace(text, start + 1);
  while (text.charCodeAt(next) !== CLOSE_OBJECT) {
    const endOfName = endOfString(text, next);
    const colon = skipSpace(text, endOfName);
    const value = skipSpace(text, colon + 1);
    const end = endOfValue(text, value);
    if (isName(text, next, endOfName, name)) found = text.slice(value, end);
    next = nextPart(text, end);
  }
  return found;
}

/** The texts of the array's elements; none if `text` is no array. */
export function elementSources(text: string): string[] {
  const sources: string[] = [];
  const start = skipSpace(text, 0);
  if (text.charCodeAt(start) !== OPEN_ARRAY) return sources;
  let next = skipSpace(text, start + 1);
  while (text.charCodeAt(next) !== CLOSE_ARRAY) {
    const end = endOfValue(text, next);
    sources.push(text.slice(next, end));
    next = nextPart(text, end);
  }
  return sources;
}

/** Where the next member or element begins, or where all of them end. */
function nextPart(text: string, endOfPart: number): number {
  const at = skipSpace(text, endOfPart);
  return text.charCodeAt(at) === COMMA ? skipSpace(text, at + 1) : at;
}

/** A name may be written with escapes. */
function isName(text: string, from: number, to: number, name: string): boolean {
  const written = text.slice(from + 1, to - 1);
  return written === name || (written.includes('\\') && JSON.parse(text.slice(from, to)) === name);
}

function endOfValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return endOfString(text, at);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return endOfContainer(text, at);
  let end = at;
  while (end < text.length && !endsScalar(text.charCodeAt(end))) end += 1;
  return end;
}

function endOfContainer(text: string, at: number): number {
  let depth = 0;
  let next = at;
  do {
    const code = text.charCodeAt(next);
    if (code === QUOTE) {
      next = endOfString(text, next);
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth += 1;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth -= 1;
    next += 1;
  } while (depth > 0);
  return next;
}

function endOfString(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  while (isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote + 1;
}

/** An odd number of backslashes before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before -= 1;
  return (at - before) % 2 === 0;
}

function endsScalar(code: number): boolean {
  return code <= SPACE || code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT;
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (next < text.length && text.charCodeAt(next) <= SPACE) next += 1;
  return next;
}
