import { describe, expect, it } from 'vitest';
import { escapeXml, parseXml } from '../src/names/xml.ts';

const read = (text: string): string => parseXml(Buffer.from(`<a>${text}</a>`)).text;

describe('text in XML', () => {
  it('reads as it was before it was escaped', () => {
    const text = `https://example.org/?a=1&b="2"&c='<3>'&amp;&#38;ü𝄞`;
    expect(read(escapeXml(text))).toBe(text);
  });

  it.each([
    ['named', '&amp;&lt;&gt;&quot;&apos;', `&<>"'`],
    ['decimal', '&#53;&#0119580;', '5\u{1D31C}'],
    ['hexadecimal', '&#x35;&#x1D31c;', '5\u{1D31C}'],
    ['nested', '&amp;#53;', '&#53;'],
  ])('may have %s references', (_what, text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it('is left as it is where it is quoted', () => {
    expect(read('5<![CDATA[&amp;<b>]]>s')).toBe('5&amp;<b>s');
  });

  it.each(['&#0;', '&#xD800;', '&#x110000;', '&#9999999;', '&copy;', '&constructor;', '&', '&;', 'a & b'])(
    'can not have %s',
    (text) => {
      expect(() => read(text)).toThrow(/no XML that is taken here/);
    },
  );
});
