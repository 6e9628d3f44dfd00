import { describe, expect, it } from 'vitest';
import { FilterError, parseFilter } from '../../src/index.ts';

const order = {
  key: 'customer-7',
  headers: [
    ['type', 'order.created'],
    ['amount', '250'],
    ['tag', 'red'],
    ['tag', 'large'],
    ['note', "it's *new*"],
  ],
} as const;
const bare = { headers: [] };

const holds = (text: string, message: Parameters<ReturnType<typeof parseFilter>['matches']>[0] = order) =>
  parseFilter(text).matches(message);

function refusal(text: string): FilterError {
  try {
    parseFilter(text);
  } catch (error) {
    if (error instanceof FilterError) return error;
    throw error;
  }
  throw new Error(`${text} was taken for a filter`);
}

describe('a filter', () => {
  it.each([
    ["key = 'customer-7'", true],
    ["key = 'Customer-7'", false],
    ["key != 'customer-8'", true],
    ["key <> 'customer-7'", false],
    ["header('type') = 'order.created'", true],
    ["header('Type') = 'order.created'", false],
    ["HEADER('type') LIKE 'order.*' AND NOT EXISTS(header('test'))", true],
    ["header('note') = 'it''s *new*'", true],
    ['exists(key)', true],
    ["exists(header('test'))", false],
    ["key in ('a', 'customer-7')", true],
    ["key not in ('a', 'customer-7')", false],
    ["key > 'customer-6' and key < 'customer-8'", true],
    ['true', true],
    ['not false', true],
    ['false or true and false', false],
    ['(false or true) and true', true],
    ['not true or true', true],
    ['not (true or true)', false],
  ])('reads %s as %s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  it.each([
    ["header('amount') > 9.5", true],
    ["header('amount') = 250.0", true],
    ["header('amount') = 2.5e2", true],
    ["header('amount') <= -1", false],
    ["header('amount') in (1, 250)", true],
    ["header('amount') > '9.5'", false],
    ["header('type') > 0", false],
    ["header('type') <= 0", false],
  ])('compares numbers as numbers and texts as texts: %s is %s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  it.each(['0x10', '', ' 1', '1 ', 'Infinity', '1e999', '--1', '1.', '.5', '1'.repeat(65)])(
    'takes %j for no number',
    (value) => {
      const message = { headers: [['n', value] as const] };
      expect(holds("header('n') < 1 or header('n') >= 1", message)).toBe(false);
    },
  );

  it('is fulfilled by any value of a header that is there several times', () => {
    expect(holds("header('tag') = 'red' and header('tag') = 'large'")).toBe(true);
    expect(holds("header('tag') != 'red'")).toBe(false);
  });

  it('takes what is not there for different from everything', () => {
    expect(holds("key = ''", bare)).toBe(false);
    expect(holds("key != 'a' and key not in ('a') and key not like '*'", bare)).toBe(true);
    expect(holds("header('amount') < 1 or header('amount') >= 1", bare)).toBe(false);
  });

  it('tells the empty key from none', () => {
    expect(holds("key = '' and exists(key)", { key: '', headers: [] })).toBe(true);
  });

  it.each([
    ['*', '', true],
    ['**', 'a', true],
    ['a*', 'a', true],
    ['a*a', 'a', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'acb', false],
    ['*ab*ab*', 'xabab', true],
    ['*ab*ab*', 'xabxa', false],
    ['ab*ba', 'aba', false],
    ['.*', 'abc', false],
    ['[a-z]*', 'abc', false],
    ['\\*a\\\\', '*a\\', true],
    ['\\*', 'a', false],
  ])('like %j, with the text %j: %s', (pattern, key, expected) => {
    expect(holds(`key like '${pattern}'`, { key, headers: [] })).toBe(expected);
  });

  it('finishes at once with a pattern and a text made to be tried in many ways', () => {
    const key = 'a'.repeat(8192);
    expect(holds(`key like '${'a*'.repeat(900)}b'`, { key, headers: [] })).toBe(false);
    expect(holds(`key like '*${'a*'.repeat(900)}b*'`, { key, headers: [] })).toBe(false);
  });
});

describe('a text that is no filter', () => {
  it.each([
    ['', 0, "key, header('…'), exists(…), true, false, not or '('"],
    ['key', 3, "=, !=, <, <=, >, >=, 'in', 'like' or 'not'"],
    ['key = ', 6, 'a text in single quotes or a number'],
    ['key = "a"', 6, "a word, a number, a text in single quotes, or one of = != < <= > >= ( ) ','"],
    ["key = 'a", 8, "the closing ' of a text"],
    ["key = 'a' key", 10, "'and', 'or' or the end"],
    ["(key = 'a'", 10, "'and', 'or' or ')'"],
    ['header(type) = 1', 7, 'the name of a header in single quotes'],
    ["key in ('a' 'b')", 12, "',' or ')'"],
    ["key not = 'a'", 8, "'in' or 'like'"],
    ["key like 'a\\b'", 9, "a pattern with '*' or '\\' after each '\\'"],
    ['key = 1e400', 6, 'a number below 1e308'],
    ['key = 12x', 6, "a word, a number, a text in single quotes, or one of = != < <= > >= ( ) ','"],
    ['process(1)', 0, "key, header('…'), exists(…), true, false, not or '('"],
  ])('%j is refused with the place and what was expected', (text, at, expected) => {
    const error = refusal(text);
    expect({ code: error.code, at: error.at, expected: error.expected }).toEqual({
      code: 'bad_filter',
      at,
      expected,
    });
    expect(error.message).toContain(`at character ${at + 1}: expected ${expected}, found `);
  });

  it('is refused when it is too long, too deep or has too many terms, and taken at the limit', () => {
    expect(refusal(`true${' '.repeat(2045)}`).code).toBe('too_long');
    expect(holds(`true${' '.repeat(2044)}`)).toBe(true);
    expect(refusal(`${'('.repeat(33)}true${')'.repeat(33)}`).code).toBe('too_deep');
    expect(holds(`${'('.repeat(32)}true${')'.repeat(32)}`)).toBe(true);
    expect(refusal(`${'not '.repeat(33)}true`).code).toBe('too_deep');
    expect(refusal(`key in (1${',1'.repeat(128)})`).code).toBe('too_many_terms');
    expect(holds(`key in (1${',1'.repeat(127)})`)).toBe(false);
    expect(refusal(`true${' or true'.repeat(128)}`).code).toBe('too_many_terms');
  });

  it('counts levels, not parentheses: one after the other they are not deep', () => {
    expect(holds(`(true)${' and (true)'.repeat(100)}`)).toBe(true);
  });
});
