import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineMessages, UNTERMINATED_HEADER } from '../src/publish/line-messages.ts';
import { LineSplitter } from '../src/publish/lines.ts';

function split(pieces: readonly Uint8Array[], maxBytes = 1000): { bytes: Uint8Array; terminated: boolean }[] {
  const splitter = new LineSplitter(maxBytes);
  return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
}

describe('cutting input into lines', () => {
  test('whatever the bytes and wherever they are cut, the lines put together again are the input', () => {
    const byte = fc.oneof(fc.constantFrom(0x0a, 0x0d, 0x00, 0xff), fc.nat(255));
    const pieces = fc.array(
      fc
        .uint8Array({ maxLength: 20 })
        .chain((some) =>
          fc.array(byte, { maxLength: 20 }).map((more) => Uint8Array.from([...some, ...more])),
        ),
    );
    fc.assert(
      fc.property(pieces, (input) => {
        const lines = split(input);
        const again = lines.flatMap(({ bytes, terminated }) => [...bytes, ...(terminated ? [0x0a] : [])]);
        expect(again).toEqual(input.flatMap((piece) => [...piece]));
        expect(lines.every(({ bytes }) => !bytes.includes(0x0a))).toBe(true);
        expect(lines.slice(0, -1).every(({ terminated }) => terminated)).toBe(true);
      }),
    );
  });

  test('an empty input has no lines, a lone line feed is one empty line', () => {
    expect(split([])).toEqual([]);
    expect(split([Buffer.from('\n')])).toEqual([{ bytes: Buffer.alloc(0), terminated: true }]);
  });

  test('a line that is too long is told of after the lines before it, and never gathered', () => {
    const splitter = new LineSplitter(10);
    expect(
      splitter.push(Buffer.from('short\n12345678')).map(({ bytes }) => Buffer.from(bytes).toString()),
    ).toEqual(['short']);
    expect(splitter.push(Buffer.from('901'))).toEqual([]);
    expect(() => splitter.push(Buffer.from('more'))).toThrow(/line 2 has more than 10 bytes/);
    expect(() => splitter.end()).toThrow(/line 2/);
  });
});

describe('making messages of lines', () => {
  const line = (text: string | Uint8Array, terminated = true) => ({ bytes: Buffer.from(text), terminated });
  const rules = { format: 'text', keyField: undefined, headers: [] } as const;

  test('text is text, and what is no UTF-8 is bytes', () => {
    const messages = new LineMessages(rules);
    expect(messages.of(line('grüß')).kind).toBe('text');
    expect(messages.of(line(Uint8Array.of(0xff, 0xfe))).kind).toBe('bytes');
    expect(new LineMessages({ ...rules, format: 'bytes' }).of(line('text')).kind).toBe('bytes');
  });

  test('JSON is marked where it is JSON, and the rest is counted', () => {
    const messages = new LineMessages({ ...rules, format: 'json' });
    expect(['{"a":1}', '7', 'not json', '', '"s"\r'].map((text) => messages.of(line(text)).kind)).toEqual([
      'json',
      'json',
      'text',
      'text',
      'json',
    ]);
    expect(messages.notJson).toBe(1);
  });

  test('the key is a member of the object: a string, a number or a boolean', () => {
    const messages = new LineMessages({ ...rules, format: 'json', keyField: 'id' });
    const keys = [
      '{"id":"a"}',
      '{"id":7}',
      '{"id":true}',
      '{"id":null}',
      '{"id":{}}',
      '{}',
      '[1]',
      '{"__proto__":1}',
    ].map((text) => messages.of(line(text)).key);
    expect(keys).toEqual(['a', '7', 'true', undefined, undefined, undefined, undefined, undefined]);
    expect(messages.withoutKey).toBe(5);
  });

  test('a number is the key as it is written: ids that no double can hold stay apart', () => {
    const messages = new LineMessages({ ...rules, format: 'json', keyField: 'id' });
    const keys = [
      '{"id":12345678901234567890}',
      '{"id":12345678901234567891}',
      '{"a":{"id":1},"id": 1.50 }',
    ].map((text) => messages.of(line(text)).key);
    expect(keys).toEqual(['12345678901234567890', '12345678901234567891', '1.50']);
  });

  test('a last line without its line feed is marked as such, besides the headers asked for', () => {
    const messages = new LineMessages({ ...rules, headers: [['source', 'test']] });
    expect(messages.of(line('x')).headers).toEqual([['source', 'test']]);
    expect(messages.of(line('x', false)).headers).toEqual([
      ['source', 'test'],
      [UNTERMINATED_HEADER, '1'],
    ]);
  });
});
