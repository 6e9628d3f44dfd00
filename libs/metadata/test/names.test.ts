import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isName,
  NameError,
  nameOfPath,
  namePath,
  namePathPrefix,
  parseName,
  parseNamePrefix,
} from '../src/index.ts';

const first = fc.constantFrom(...'ABZaz09');
const rest = fc.constantFrom(...'AZaz09._~-');
const segment = fc
  .tuple(first, fc.array(rest, { maxLength: 12 }))
  .map(([head, tail]) => head + tail.join(''));
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));

function problem(text: string): NameError {
  try {
    parseName(text);
  } catch (error) {
    if (error instanceof NameError) return error;
    throw error;
  }
  throw new Error(`${text} was taken for a name`);
}

describe('names', () => {
  it('takes segments of letters, digits, dots, underscores, tildes and dashes joined by slashes', () => {
    for (const text of ['a', 'orders', 'myapp/orders', '0', 'A.b_c~d-e', 'a./b', `${'s'.repeat(128)}`]) {
      expect(parseName(text)).toBe(text);
    }
  });

  it.each([
    ['', /empty/],
    ['/', /empty segment/],
    ['a//b', /empty segment/],
    ['a/', /empty segment/],
    ['/a', /empty segment/],
    ['-', /reserved/],
    ['a/-/b', /reserved/],
    ['..', /can't be a segment/],
    ['a/../b', /can't be a segment/],
    ['.a', /can't be a segment/],
    ['-a', /can't be a segment/],
    ['a b', /can't be a segment/],
    ['a%2Fb', /can't be a segment/],
    ['ä', /can't be a segment/],
    ['a\n', /can't be a segment/],
    ['s'.repeat(129), /129 characters/],
    [`${'s/'.repeat(300)}s`, /601 characters/],
  ])('refuses %j and says what was expected', (text, message) => {
    expect(problem(text)).toMatchObject({ code: 'bad_name', message: expect.stringMatching(message) });
    expect(problem(text).message).toContain('expected');
    expect(isName(text)).toBe(false);
  });

  it('takes a name of exactly 512 characters and none longer', () => {
    const longest = `${'s'.repeat(127)}/`.repeat(4).slice(0, 511).padEnd(512, 's');
    expect(longest).toHaveLength(512);
    expect(parseName(longest)).toBe(longest);
    expect(isName(`${longest}s`)).toBe(false);
  });

  it('takes any beginning of a name for a prefix and nothing else', () => {
    fc.assert(
      fc.property(
        name,
        fc.nat(),
        (text, cut) => void parseNamePrefix(text.slice(0, cut % (text.length + 1))),
      ),
    );
    for (const text of ['/a', 'a//', 'a%', 'a\\b', 'a'.repeat(513)]) {
      expect(() => parseNamePrefix(text)).toThrow(NameError);
    }
  });
});

describe('paths of name documents', () => {
  it('lead back to the name', () => {
    fc.assert(fc.property(name, (text) => void expect(nameOfPath(namePath(text))).toBe(text)));
  });

  it('never clash with the folder of the names below', () => {
    fc.assert(
      fc.property(
        name,
        name,
        (upper, lower) => void expect(namePath(`${upper}/${lower}`)).not.toContain(`${namePath(upper)}/`),
      ),
    );
  });

  it('begin with the prefix path exactly when the name begins with the prefix', () => {
    fc.assert(
      fc.property(name, name, (text, other) => {
        expect(namePath(text).startsWith(namePathPrefix(other))).toBe(text.startsWith(other));
        for (let length = 0; length <= text.length; length += 1) {
          expect(namePath(text).startsWith(namePathPrefix(text.slice(0, length)))).toBe(true);
        }
      }),
    );
  });

  it('list a name before those below it, and those before its siblings', () => {
    const names = ['a', 'a-b', 'a.b', 'a/b', 'a/b/c', 'a0', 'ab'];
    const listed = names.map(namePath).sort().map(nameOfPath);
    expect(listed).toEqual(['a', 'a/b', 'a/b/c', 'a-b', 'a.b', 'a0', 'ab']);
  });

  it.each(['names/', 'names/!', 'names/a', 'names/a/b!', 'names/+/a!', 'names/a!!', 'leader', 'names/a+/!'])(
    'says that no name belongs to %j',
    (path) => expect(nameOfPath(path)).toBeUndefined(),
  );
});
