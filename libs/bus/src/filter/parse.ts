import type { Comparison, Condition, Literal, Operand } from './condition.ts';
import { FilterError, type FilterErrorCode } from './errors.ts';
import { MAX_FILTER_DEPTH, MAX_FILTER_LENGTH, MAX_FILTER_TERMS } from './limits.ts';
import { parsePattern } from './pattern.ts';
import { type Token, tokensOf } from './tokens.ts';

/*
 *   condition  = conjunction { 'or' conjunction }
 *   conjunction = negation { 'and' negation }
 *   negation   = 'not' negation | primary
 *   primary    = '(' condition ')' | 'true' | 'false' | 'exists' '(' operand ')' | operand test
 *   test       = ( '=' | '!=' | '<>' | '<' | '<=' | '>' | '>=' ) literal
 *              | [ 'not' ] 'in' '(' literal { ',' literal } ')'
 *              | [ 'not' ] 'like' text
 *   operand    = 'key' | 'header' '(' text ')'
 *   literal    = text | number
 */

/** Throws FilterError. */
export function parseCondition(text: string): Condition {
  if (text.length > MAX_FILTER_LENGTH) {
    throw new FilterError(
      'too_long',
      MAX_FILTER_LENGTH,
      `the end: a filter has at most ${MAX_FILTER_LENGTH} characters`,
      `${text.length - MAX_FILTER_LENGTH} more`,
    );
  }
  return new Parser(tokensOf(text)).whole();
}

const COMPARISONS: Readonly<Record<string, { by: Comparison; negated: boolean }>> = {
  '=': { by: '=', negated: false },
  '!=': { by: '=', negated: true },
  '<>': { by: '=', negated: true },
  '<': { by: '<', negated: false },
  '<=': { by: '<=', negated: false },
  '>': { by: '>', negated: false },
  '>=': { by: '>=', negated: false },
};

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  #terms = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Condition {
    const condition = this.#condition();
    if (this.#token().is !== 'end') this.#fail("'and', 'or' or the end");
    return condition;
  }

  #condition(): Condition {
    return this.#joined('or', () => this.#joined('and', () => this.#negation()));
  }

  #joined(word: 'and' | 'or', part: () => Condition): Condition {
    const first = part();
    if (!this.#takeWord(word)) return first;
    const parts = [first];
    do parts.push(part());
    while (this.#takeWord(word));
    return { is: word, parts };
  }

  #negation(): Condition {
    if (!this.#takeWord('not')) return this.#primary();
    return { is: 'not', part: this.#deeper(() => this.#negation()) };
  }

  #primary(): Condition {
    if (this.#takeSign('(')) {
      const inner = this.#deeper(() => this.#condition());
      this.#expectSign(')', "'and', 'or' or ')'");
      return inner;
    }
    this.#countTerm();
    if (this.#takeWord('true')) return { is: 'constant', value: true };
    if (this.#takeWord('false')) return { is: 'constant', value: false };
    if (this.#takeWord('exists')) return this.#exists();
    return this.#test(this.#operand("key, header('…'), exists(…), true, false, not or '('"));
  }

  #exists(): Condition {
    this.#expectSign('(', "'('");
    const operand = this.#operand("key or header('…')");
    this.#expectSign(')', "')'");
    return { is: 'exists', operand };
  }

  #operand(expected: string): Operand {
    if (this.#takeWord('key')) return { of: 'key' };
    if (!this.#takeWord('header')) this.#fail(expected);
    this.#expectSign('(', "'('");
    const name = this.#text('the name of a header in single quotes');
    this.#expectSign(')', "')'");
    return { of: 'header', name };
  }

  #test(operand: Operand): Condition {
    const token = this.#token();
    const comparison = token.is === 'sign' ? COMPARISONS[token.sign] : undefined;
    if (comparison !== undefined) {
      this.#next += 1;
      const { by, negated } = comparison;
      return unless(!negated, { is: 'comparison', operand, by, literal: this.#literal() });
    }
    const negated = this.#takeWord('not');
    if (this.#takeWord('in')) return unless(!negated, { is: 'in', operand, literals: this.#list() });
    if (this.#takeWord('like')) return unless(!negated, this.#like(operand));
    return this.#fail(negated ? "'in' or 'like'" : "=, !=, <, <=, >, >=, 'in', 'like' or 'not'");
  }

  #like(operand: Operand): Condition {
    const { at } = this.#token();
    const pattern = parsePattern(this.#text('a pattern in single quotes'));
    if (pattern === undefined) {
      throw new FilterError(
        'bad_filter',
        at,
        "a pattern with '*' or '\\' after each '\\'",
        'another character',
      );
    }
    return { is: 'like', operand, pattern };
  }

  #list(): Literal[] {
    this.#expectSign('(', "'('");
    const literals = [this.#literal()];
    while (this.#takeSign(',')) {
      this.#countTerm();
      literals.push(this.#literal());
    }
    this.#expectSign(')', "',' or ')'");
    return literals;
  }

  #literal(): Literal {
    const token = this.#token();
    if (token.is !== 'number') return this.#text('a text in single quotes or a number');
    this.#next += 1;
    return token.number;
  }

  #text(expected: string): string {
    const token = this.#token();
    if (token.is !== 'text') return this.#fail(expected);
    this.#next += 1;
    return token.text;
  }

  #takeWord(word: string): boolean {
    const token = this.#token();
    if (token.is !== 'word' || token.word !== word) return false;
    this.#next += 1;
    return true;
  }

  #takeSign(sign: string): boolean {
    const token = this.#token();
    if (token.is !== 'sign' || token.sign !== sign) return false;
    this.#next += 1;
    return true;
  }

  #expectSign(sign: string, expected: string): void {
    if (!this.#takeSign(sign)) this.#fail(expected);
  }

  #deeper(parse: () => Condition): Condition {
    this.#depth += 1;
    if (this.#depth > MAX_FILTER_DEPTH)
      this.#fail(`at most ${MAX_FILTER_DEPTH} levels of ( ) and not`, 'too_deep');
    const inner = parse();
    this.#depth -= 1;
    return inner;
  }

  #countTerm(): void {
    this.#terms += 1;
    if (this.#terms > MAX_FILTER_TERMS)
      this.#fail(`at most ${MAX_FILTER_TERMS} comparisons and values`, 'too_many_terms');
  }

  #token(): Token {
    return this.#tokens[this.#next] ?? { is: 'end', at: 0, source: '' };
  }

  #fail(expected: string, code: FilterErrorCode = 'bad_filter'): never {
    const token = this.#token();
    throw new FilterError(code, token.at, expected, token.is === 'end' ? 'the end' : token.source);
  }
}

function unless(positive: boolean, condition: Condition): Condition {
  return positive ? condition : { is: 'not', part: condition };
}
