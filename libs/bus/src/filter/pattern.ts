/**
 * What `like` compares with: the pieces of text between the `*`s, in order. `a*b` is ['a', 'b'], `*` is ['', ''],
 * and a pattern without `*` is one piece that must be the whole text.
 */
export type Pattern = readonly string[];

/**
 * Reads a pattern: `*` stands for any run of characters, also none, and a backslash takes the meaning from the `*` or
 * backslash after it. Undefined when there is a backslash before anything else.
 */
export function parsePattern(text: string): Pattern | undefined {
  const pieces: string[] = [];
  let piece = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '*') {
      pieces.push(piece);
      piece = '';
    } else if (character === '\\') {
      at += 1;
      const escaped = text.charAt(at);
      if (escaped !== '*' && escaped !== '\\') return undefined;
      piece += escaped;
    } else piece += character;
  }
  return [...pieces, piece];
}

/**
 * Whether `text` is what the pattern says. The leftmost place of each piece is as good as any later one, so nothing is
 * ever tried again: one pass over the text whatever the pattern.
 */
export function matchesPattern(text: string, pattern: Pattern): boolean {
  const first = pattern[0] ?? '';
  if (pattern.length === 1) return text === first;
  const last = pattern.at(-1) ?? '';
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const end = text.length - last.length;
  let at = first.length;
  for (let index = 1; index < pattern.length - 1; index += 1) {
    const piece = pattern[index] ?? '';
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
