/*
 * Finds the text a member of a JSON object was written as. What a parsed number can't hold, and the order and spelling
 * of everything else, survive only in their source. All functions take text that JSON.parse has accepted.
 */

const SPACE = /\s*/uy;
const SCALAR = /[^\s,\]}]*/uy;

/** The text of the object's member `name`, the last one if there are several; undefined if there is none. */
export function memberSource(text: string, name: string): string | undefined {
  let found: string | undefined;
  let at = end(SPACE, text, 0) + 1;
  for (;;) {
    at = end(SPACE, text, at);
    if (text[at] === ',') at = end(SPACE, text, at + 1);
    if (text[at] !== '"') return found;
    const nameEnd = endOfString(text, at);
    const isWanted = JSON.parse(text.slice(at, nameEnd)) === name;
    const valueAt = end(SPACE, text, end(SPACE, text, nameEnd) + 1);
    at = endOfValue(text, valueAt);
    if (isWanted) found = text.slice(valueAt, at);
  }
}

/** The texts of the elements of an array. */
export function elementSources(text: string): string[] {
  const sources: string[] = [];
  let at = end(SPACE, text, end(SPACE, text, 0) + 1);
  while (at < text.length && text[at] !== ']') {
    const valueEnd = endOfValue(text, at);
    sources.push(text.slice(at, valueEnd));
    at = end(SPACE, text, valueEnd);
    if (text[at] === ',') at = end(SPACE, text, at + 1);
  }
  return sources;
}

function endOfValue(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at);
  return text[at] === '{' || text[at] === '[' ? endOfContainer(text, at) : end(SCALAR, text, at);
}

/** Depth is counted, not recursed into. */
function endOfContainer(text: string, from: number): number {
  let depth = 0;
  let at = from;
  do {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    at += 1;
  } while (depth > 0);
  return at;
}

function endOfString(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  while (isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote + 1;
}

/** An odd number of backslashes before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text[before] === '\\') before -= 1;
  return (at - before) % 2 === 0;
}

/** Where what `pattern` matches at `at` ends. */
function end(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
