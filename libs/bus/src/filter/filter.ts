import { type Filterable, fulfils } from './evaluate.ts';
import { parseCondition } from './parse.ts';

/** A condition on a message's key and headers, such as `header('type') like 'order.*' and key != 'test'`. */
export interface Filter {
  /** As it was given. */
  readonly text: string;
  /** Never throws, and takes time in proportion to the message's headers at worst. */
  matches(message: Filterable): boolean;
}

/** Reads a filter; docs/filters.md has the language. Throws FilterError. */
export function parseFilter(text: string): Filter {
  const condition = parseCondition(text);
  return { text, matches: (message) => fulfils(condition, message) };
}
