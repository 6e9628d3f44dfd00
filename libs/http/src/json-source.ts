const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;

/*
 * Finds the text a JSON value was written as: numbers a double can't hold, and all else a producer cares about, survive
 * only in their source. Every function here takes text that JSON.parse has accepted, and the index of a value's first
 * character; none recurses, so depth costs nothing.
 */

/** Index of the first value of a document. */
export function startOfJson(text: string): number {
  return skipSpace(text, 0);
}

/** Where the elements of the array at `at` start. */
export function* elementStarts(text: string, at: number): Generator<number, void> {
  let next = skipSpace(text, at + 1);
  while (text.charCodeAt(next) !== CLOSE_ARRAY) {
    yield next;
    next = skipSpace(text, endOfValue(text, next));
    if (text.charCodeAt(next) === COMMA) next = skipSpace(text, next + 1);
  }
}

/** Where the value of the member called `name` starts; of the last one, as JSON.parse has it. Undefined if `at` has none. */
export function memberStart(text: string, at: number, name: string): number | undefined {
  if (text.charCodeAt(at) !== OPEN_OBJECT) return undefined;
  let found: number | undefined;
  let next = skipSpace(text, at + 1);
  while (text.charCodeAt(next) !== CLOSE_OBJECT) {
    const endOfName = endOfString(text, next);
    const value = skipSpace(text, skipPast(text, endOfName, COLON));
    if (isName(text, next, endOfName, name)) found = value;
    next = skipSpace(text, endOfValue(text, value));
    if (text.charCodeAt(next) === COMMA) next = skipSpace(text, next + 1);
  }
  return found;
}

/** The text of the value at `at`, without the space around it. */
export function sourceAt(text: string, at: number): string {
  return text.slice(at, endOfValue(text, at));
}

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

function skipPast(text: string, at: number, code: number): number {
  return text.charCodeAt(at) === code ? at + 1 : skipSpace(text, at) + 1;
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (next < text.length && text.charCodeAt(next) <= SPACE) next += 1;
  return next;
}
