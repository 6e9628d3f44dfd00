import { parseDurationMs, UnitError } from '@message-vault/metadata';
import { badParameter, type Query } from '../query.ts';

/** Milliseconds of a duration in the query, `PT10S` or `10s`. Undefined when it is not there. Throws `bad_parameter`. */
export function durationMs(query: Query, name: string): number | undefined {
  const text = query.text(name);
  if (text === undefined) return undefined;
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (error instanceof UnitError) throw badParameter(name, `is wrong: ${error.message}`);
    throw error;
  }
}
