import { parseName, parseNamePrefix } from './names.ts';

/**
 * Paths of name documents: `names/` + the name, with `+` after every segment but the last and `!` after the last.
 *
 * Both marks are no characters of names, so no two names share a path and, on storage that keeps folders, a name never
 * clashes with the folder of the names below it (`a` is the file `a!`, the names below it are in the folder `a+`).
 * No path segment ends in a dot, which Azure's naming rules advise against. Both marks sort before every character of a
 * name: a listing has each name followed by those below it.
 */
const ROOT = 'names/';
const LAST = '!';
const INNER = '+/';

/** Path of the document of `name`. */
export function namePath(name: string): string {
  return ROOT + parseName(name).replaceAll('/', INNER) + LAST;
}

/** Prefix of the paths of all names that begin with `prefix` (as text: `or` finds `orders` and `or/a`). */
export function namePathPrefix(prefix: string): string {
  return ROOT + parseNamePrefix(prefix).replaceAll('/', INNER);
}

/** The name whose document is at `path`; undefined if no name's document can be there. */
export function nameOfPath(path: string): string | undefined {
  if (!path.startsWith(ROOT) || !path.endsWith(LAST)) return undefined;
  const name = path.slice(ROOT.length, -LAST.length).replaceAll(INNER, '/');
  try {
    return namePath(name) === path ? name : undefined;
  } catch {
    return undefined;
  }
}
