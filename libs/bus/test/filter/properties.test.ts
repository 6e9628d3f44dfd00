import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FilterError, parseFilter } from '../../src/index.ts';

/** A filter as text together with what it says, worked out in another way. */
interface Said {
  text: string;
  holds(message: Sample): boolean;
}
type Sample = { key?: string; headers: [string, string][] };

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** Few characters, so that equal ones, prefixes and quotes turn up often. */
const small = fc.string({ unit: fc.constantFrom('a', 'b', "'", '*', '\\', ' ', '1', '-'), maxLength: 4 });
const message: fc.Arbitrary<Sample> = fc.record(
  { key: small, headers: fc.array(fc.tuple(small, small), { maxLength: 4 }) },
  { requiredKeys: ['headers'] },
);
const operand = fc.oneof(
  fc.constant({ text: 'key', values: (m: Sample) => (m.key === undefined ? [] : [m.key]) }),
  small.map((name) => ({
    text: `header(${quoted(name)})`,
    values: (m: Sample) => m.headers.filter(([found]) => found === name).map(([, value]) => value),
  })),
);

/** The slow, sure way: every split of the text. */
function like(text: string, pieces: readonly string[]): boolean {
  const [piece = '', ...rest] = pieces;
  if (rest.length === 0) return text === piece;
  if (!text.startsWith(piece)) return false;
  const after = text.slice(piece.length);
  return Array.from({ length: after.length + 1 }, (_, skip) => after.slice(skip)).some((tail) =>
    like(tail, rest),
  );
}

const leaf: fc.Arbitrary<Said> = fc.oneof(
  fc.boolean().map((value) => ({ text: String(value), holds: () => value })),
  operand.map(({ text, values }) => ({
    text: `exists(${text})`,
    holds: (m: Sample) => values(m).length > 0,
  })),
  fc.tuple(operand, fc.constantFrom('=', '!=', '<', '<=', '>', '>='), small).map(([on, by, literal]) => ({
    text: `${on.text}${by}${quoted(literal)}`,
    holds: (m: Sample) => {
      const values = on.values(m);
      if (by === '!=') return !values.includes(literal);
      return values.some(
        (value) =>
          (by.includes('=') && value === literal) ||
          (by.includes('<') && value < literal) ||
          (by.includes('>') && value > literal),
      );
    },
  })),
  fc.tuple(operand, fc.array(small, { minLength: 1, maxLength: 3 })).map(([on, list]) => ({
    text: `${on.text} in (${list.map(quoted).join(', ')})`,
    holds: (m: Sample) => on.values(m).some((value) => list.includes(value)),
  })),
  fc.tuple(operand, fc.array(small, { minLength: 1, maxLength: 4 })).map(([on, pieces]) => ({
    text: `${on.text} like ${quoted(pieces.map((piece) => piece.replace(/[\\*]/g, '\\$&')).join('*'))}`,
    holds: (m: Sample) => on.values(m).some((value) => like(value, pieces)),
  })),
);

const condition: fc.Arbitrary<Said> = fc.letrec<{ condition: Said }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    tie('condition').map((part) => ({
      text: `not (${part.text})`,
      holds: (m: Sample) => !part.holds(m),
    })),
    fc.tuple(tie('condition'), fc.constantFrom('and', 'OR'), tie('condition')).map(([left, word, right]) => ({
      text: `(${left.text})\n${word} (${right.text})`,
      holds: (m: Sample) =>
        word === 'and' ? left.holds(m) && right.holds(m) : left.holds(m) || right.holds(m),
    })),
  ),
})).condition;

/** Pieces of the language in any order: most are no filters, but look like it for long. */
const scraps = fc
  .array(
    fc.constantFrom(
      'key',
      "header('a')",
      '=',
      '!=',
      "'a'",
      '1',
      'in',
      'like',
      'not',
      'and',
      'or',
      '(',
      ')',
      ',',
      'exists',
      'true',
      "'",
      '\\',
      '-',
      '.',
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(' '));

describe('any filter', () => {
  it('says of any message what its parts say', () => {
    fc.assert(
      fc.property(condition, message, (said, sample) => {
        fc.pre(said.text.length <= 2048);
        expect(parseFilter(said.text).matches(sample)).toBe(said.holds(sample));
      }),
      { numRuns: 2000 },
    );
  });

  it('is read, or refused with a place inside the text: nothing else ever happens', () => {
    fc.assert(
      fc.property(fc.oneof(scraps, fc.string({ unit: 'binary' })), message, (text, sample) => {
        try {
          expect(typeof parseFilter(text).matches(sample)).toBe('boolean');
        } catch (error) {
          if (!(error instanceof FilterError)) throw error;
          expect(error.at).toBeGreaterThanOrEqual(0);
          expect(error.at).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
