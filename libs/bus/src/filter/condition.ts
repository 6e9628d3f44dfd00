import type { Pattern } from './pattern.ts';

/** What a condition can look at. */
export type Operand = { readonly of: 'key' } | { readonly of: 'header'; readonly name: string };

export type Literal = string | number;

export type Comparison = '=' | '<' | '<=' | '>' | '>=';

/**
 * A parsed filter. There is no node for `!=`, `not in` and `not like`: they are `not` of what they negate, which is also
 * what they mean for a header that is not there.
 */
export type Condition =
  | { readonly is: 'constant'; readonly value: boolean }
  | { readonly is: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly is: 'not'; readonly part: Condition }
  | { readonly is: 'exists'; readonly operand: Operand }
  | {
      readonly is: 'comparison';
      readonly operand: Operand;
      readonly by: Comparison;
      readonly literal: Literal;
    }
  | { readonly is: 'in'; readonly operand: Operand; readonly literals: readonly Literal[] }
  | { readonly is: 'like'; readonly operand: Operand; readonly pattern: Pattern };
