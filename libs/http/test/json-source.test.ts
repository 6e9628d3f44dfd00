import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementStarts, memberStart, sourceAt, startOfJson } from '../src/json-source.ts';

/** Any JSON, written with any space. */
const written = fc
  .tuple(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t', '\r\n '))
  .map(([value, space]) => {
    const text = JSON.stringify(value, null, space === '\r\n ' ? 2 : space);
    return space === '\r\n ' ? text.replaceAll(/\n/g, '\r\n') : text;
  });

describe('the source of JSON', () => {
  it('is found for every element of an array', () => {
    fc.assert(
      fc.property(fc.array(written), fc.constantFrom('', ' ', '\n'), (values, space) => {
        const text = `${space}[${space}${values.join(`${space},${space}`)}${space}]`;
        expect(Array.from(elementStarts(text, startOfJson(text)), (at) => sourceAt(text, at))).toEqual(
          values,
        );
      }),
    );
  });

  it('is found for the member of a name, the last one if there are more', () => {
    const members = fc.array(fc.tuple(fc.string(), written));
    fc.assert(
      fc.property(members, fc.string(), written, (others, name, value) => {
        const all = [...others, [name, value] as const, ...others.filter(([other]) => other !== name)];
        const text = `{${all.map(([key, source]) => `${JSON.stringify(key)} : ${source}`).join(' ,')}}`;
        const at = memberStart(text, startOfJson(text), name);
        expect(at === undefined ? undefined : sourceAt(text, at)).toBe(value);
        expect(
          memberStart(text, 0, `${others.map(([other]) => other).join('')}${name} not there`),
        ).toBeUndefined();
      }),
    );
  });

  it('has no members where there is no object', () => {
    for (const text of ['[]', '"a"', '1', 'null']) expect(memberStart(text, 0, 'a')).toBeUndefined();
  });
});
