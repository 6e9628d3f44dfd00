import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementSources, memberSource } from '../src/index.ts';

/*
 * JSON as somebody might write it: any space between the tokens, characters spelled as escapes, names that repeat, and
 * strings full of what means something outside of them.
 */

const spaces = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });
const MEANINGFUL = ['"', '\\', '[', ']', '{', '}', ',', ':', ' ', '\n', 'a', 'é', '😀', '\ud83d', '\u2028'];
const characters = fc.oneof(
  fc.string({ unit: fc.constantFrom(...MEANINGFUL), maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
/** Two names in one object may be mixed up by V8 when there is a backslash in one (nodejs/node#63785). */
const names = fc.oneof(fc.constantFrom('', 'a', '"', '__proto__'), characters).map(withoutBackslash);
const numbers = fc.oneof(
  fc.constantFrom('-0', '12345678901234567890', '0.1e+1', '1E400', '-2.50'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

/** A member's name and value as they are written. */
type Member = readonly [name: string, value: string];

const { value, member } = fc.letrec<{ value: string; member: Member }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.constantFrom('null', 'true', 'false', '{}', '[]'), numbers, characters.chain(spelled)),
    fc.tuple(spaces, fc.array(tie('value'), { maxLength: 4 })).map(([space, parts]) => array(space, parts)),
    fc.tuple(spaces, fc.array(tie('member'), { maxLength: 4 })).map(([space, parts]) => object(space, parts)),
  ),
  member: fc.tuple(names.chain(spelled), tie('value')),
}));

function withoutBackslash(text: string): string {
  return text.replaceAll('\\', '');
}

/** As JSON.stringify does it, or each character by its code. */
function spelled(text: string): fc.Arbitrary<string> {
  const escaped = text
    .split('')
    .map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return fc.constantFrom(JSON.stringify(text), `"${escaped.join('')}"`);
}

function array(space: string, elements: readonly string[]): string {
  return `[${space}${elements.join(`${space},${space}`)}${space}]`;
}

function object(space: string, members: readonly Member[]): string {
  const written = members.map(([name, value]) => `${name}${space}:${space}${value}`);
  return `{${space}${written.join(`${space},${space}`)}${space}}`;
}

describe('the source of JSON', () => {
  it('of each element of an array is the text it was written as', () => {
    fc.assert(
      fc.property(spaces, fc.array(value), (space, elements) => {
        const text = `${space}${array(space, elements)}${space}`;
        expect(elementSources(text)).toEqual(elements);
        expect(elements.map((source) => JSON.parse(source))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('of a member is the text it was written as, of the last one where a name repeats', () => {
    fc.assert(
      fc.property(spaces, fc.array(member), (space, members) => {
        const text = `${space}${object(space, members)}${space}`;
        const last = new Map<unknown, string>(members.map(([name, value]) => [JSON.parse(name), value]));
        const parsed: Record<string, unknown> = JSON.parse(text);
        expect(Object.keys(parsed).toSorted()).toEqual([...last.keys()].toSorted());
        for (const [name, value] of Object.entries(parsed)) {
          const source = memberSource(text, name);
          expect(source).toBe(last.get(name));
          expect(JSON.parse(source ?? '')).toEqual(value);
        }
      }),
    );
  });

  it('of a member is found by any name, backslashes included', () => {
    fc.assert(
      fc.property(characters, value, (name, value) => {
        for (const written of [JSON.stringify(name), JSON.stringify(`\\${name}`)])
          expect(memberSource(`{"":0,${written}:${value}}`, JSON.parse(written))).toBe(value);
      }),
    );
  });

  it('of a member that is not there is nothing, though a value, or a member further inside, says its name', () => {
    fc.assert(
      fc.property(spaces, fc.array(member), names, (space, members, name) => {
        const written = JSON.stringify(name);
        const text = object(space, [...members, ['"outer"', `{${written}:[${written}]}`]]);
        fc.pre(!Object.hasOwn(JSON.parse(text), name));
        expect(memberSource(text, name)).toBeUndefined();
      }),
    );
  });

  it('is nothing where there is no object, or no array', () => {
    for (const text of [' []', '["a",1]', '"a"', '1', 'null', '"{"'])
      expect(memberSource(text, 'a')).toBeUndefined();
    for (const text of [' {}', '{"a":1}', '"a"', '1', 'null', '"["'])
      expect(elementSources(text)).toEqual([]);
  });

  // Going back over what was seen for every step on, these would take hours.
  it.each([
    ['a string of backslashes', `"${'\\\\'.repeat(2 ** 21)}"`],
    ['a string of quotes', `"${'\\"'.repeat(2 ** 21)}"`],
    ['strings of brackets', JSON.stringify(Array.from({ length: 2 ** 19 }, () => ']}[{'))],
    [
      'many members',
      JSON.stringify(Object.fromEntries(Array.from({ length: 2 ** 17 }, (_, at) => [at, at]))),
    ],
    ['arrays in one another', `${'['.repeat(2 ** 21)}1${']'.repeat(2 ** 21)}`],
    ['space', `[${' '.repeat(2 ** 22)}1]`],
  ])('is found in a large document: %s', (_, large) => {
    expect(elementSources(`[${large} , 2]`)).toEqual([large, '2']);
    expect(memberSource(`{"a" : ${large},"b":[${large}]}`, 'a')).toBe(large);
  });
});
