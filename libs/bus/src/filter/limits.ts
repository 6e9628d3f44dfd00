/** The longest filter, in characters (UTF-16 units). */
export const MAX_FILTER_LENGTH = 2048;

/** The most parentheses and `not` inside each other: what parser and evaluator may recurse. */
export const MAX_FILTER_DEPTH = 32;

/** The most comparisons of a filter, the values of `in` lists counted one by one. Bounds what one message costs. */
export const MAX_FILTER_TERMS = 128;
