export type FilterErrorCode =
  /** It is not written as the language wants it. */
  | 'bad_filter'
  /** More characters than a filter may have. */
  | 'too_long'
  /** More parentheses and `not` inside each other than a filter may have. */
  | 'too_deep'
  /** More comparisons, or more values in all its lists, than a filter may have. */
  | 'too_many_terms';

/** A text that is no filter. The message says where, what was expected there and what was found. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  readonly code: FilterErrorCode;
  /** Where in the text: the number of characters (UTF-16 units) before it. */
  readonly at: number;
  /** What would have been right there. */
  readonly expected: string;

  constructor(code: FilterErrorCode, at: number, expected: string, found: string) {
    super(`at character ${at + 1}: expected ${expected}, found ${found}`);
    this.code = code;
    this.at = at;
    this.expected = expected;
  }
}
