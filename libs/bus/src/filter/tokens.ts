import { FilterError } from './errors.ts';

export type Token = {
  /** Where it begins in the text. */
  readonly at: number;
  /** As it is written, for messages. */
  readonly source: string;
} & (
  | { readonly is: 'word' /** In lower case. */; readonly word: string }
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'number'; readonly number: number }
  | { readonly is: 'sign'; readonly sign: string }
  | { readonly is: 'end' }
);

const SPACE = /[ \t\r\n]*/y;
const WORD = /[A-Za-z][A-Za-z0-9_-]*/y;
const NUMBER = /-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.])/y;
const SIGN = /<=|>=|!=|<>|[=<>(),]/y;

/** The tokens of a filter, ending with `end`. Throws FilterError. Takes time in proportion to the text. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at = skipSpace(text, at + token.source.length);
  }
  tokens.push({ is: 'end', at, source: '' });
  return tokens;
}

function skipSpace(text: string, at: number): number {
  return at + (matchAt(SPACE, text, at) ?? '').length;
}

function tokenAt(text: string, at: number): Token {
  if (text[at] === "'") return textToken(text, at);
  const word = matchAt(WORD, text, at);
  if (word !== undefined) return { is: 'word', at, source: word, word: word.toLowerCase() };
  const number = matchAt(NUMBER, text, at);
  if (number !== undefined) return numberToken(number, at);
  const sign = matchAt(SIGN, text, at);
  if (sign !== undefined) return { is: 'sign', at, source: sign, sign };
  throw new FilterError(
    'bad_filter',
    at,
    "a word, a number, a text in single quotes, or one of = != < <= > >= ( ) ','",
    JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0)),
  );
}

function numberToken(source: string, at: number): Token {
  const number = Number(source);
  if (!Number.isFinite(number)) throw new FilterError('bad_filter', at, 'a number below 1e308', source);
  return { is: 'number', at, source, number };
}

/** A text in single quotes; two of them inside stand for one. */
function textToken(text: string, at: number): Token {
  let end = text.indexOf("'", at + 1);
  while (end >= 0 && text[end + 1] === "'") end = text.indexOf("'", end + 2);
  if (end < 0) throw new FilterError('bad_filter', text.length, "the closing ' of a text", 'the end');
  const source = text.slice(at, end + 1);
  return { is: 'text', at, source, text: source.slice(1, -1).replaceAll("''", "'") };
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
