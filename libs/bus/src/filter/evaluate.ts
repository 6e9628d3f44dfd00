import type { MessageHeader } from '@message-vault/framing';
import type { Comparison, Condition, Literal, Operand } from './condition.ts';
import { matchesPattern } from './pattern.ts';

/** The parts of a message that a filter looks at. */
export interface Filterable {
  readonly key?: string | undefined;
  readonly headers: readonly MessageHeader[];
}

/**
 * Whether the message fulfils the condition. Every condition is true or false, there is no third: a key or header that
 * is not there equals nothing, and a header that is there several times fulfils a comparison when one of its values does.
 */
export function fulfils(condition: Condition, message: Filterable): boolean {
  switch (condition.is) {
    case 'constant':
      return condition.value;
    case 'and':
      return condition.parts.every((part) => fulfils(part, message));
    case 'or':
      return condition.parts.some((part) => fulfils(part, message));
    case 'not':
      return !fulfils(condition.part, message);
    case 'exists':
      return someValue(condition.operand, message, () => true);
    case 'comparison':
      return someValue(condition.operand, message, (value) =>
        compares(value, condition.by, condition.literal),
      );
    case 'in':
      return someValue(condition.operand, message, (value) =>
        condition.literals.some((literal) => compares(value, '=', literal)),
      );
    case 'like':
      return someValue(condition.operand, message, (value) => matchesPattern(value, condition.pattern));
  }
}

function someValue(operand: Operand, message: Filterable, test: (value: string) => boolean): boolean {
  if (operand.of === 'key') return message.key !== undefined && test(message.key);
  for (const [name, value] of message.headers) if (name === operand.name && test(value)) return true;
  return false;
}

/** A text is compared by its characters' UTF-16 units, a number with what the value says as a decimal number. */
function compares(value: string, by: Comparison, literal: Literal): boolean {
  if (typeof literal === 'string') return ordered(by, value < literal ? -1 : value > literal ? 1 : 0);
  const number = decimal(value);
  return number !== undefined && ordered(by, number - literal);
}

function ordered(by: Comparison, difference: number): boolean {
  switch (by) {
    case '=':
      return difference === 0;
    case '<':
      return difference < 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '>=':
      return difference >= 0;
  }
}

const DECIMAL = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
/** Longer ones are no numbers anybody compares. */
const MAX_DECIMAL_LENGTH = 64;

function decimal(value: string): number | undefined {
  if (value.length > MAX_DECIMAL_LENGTH || !DECIMAL.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}
