import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentJson, type Message, memberSource, type ValueKind } from '../src/index.ts';
import { messages } from './arbitrary.ts';

function said(value: string | Uint8Array, kind: ValueKind, headers: Message['headers'] = []): string {
  return `{${contentJson({ value: Buffer.from(value), kind, headers })}}`;
}

describe('a message in JSON', () => {
  it('gives its value as what it is, whatever its producer calls it', () => {
    const NONE = '{"key":null,"headers":{},';
    expect(said('hello', 'text')).toBe(`${NONE}"valueText":"hello"}`);
    expect(said('hello', 'bytes')).toBe(`${NONE}"valueBase64":"aGVsbG8="}`);
    expect(said('hello', 'json')).toBe(`${NONE}"valueText":"hello"}`);
    expect(said('{"n" : 1.0}', 'json')).toBe(`${NONE}"value":{"n" : 1.0}}`);
    for (const kind of ['text', 'json'] as const)
      expect(said(Uint8Array.of(0xff), kind)).toBe(`${NONE}"valueBase64":"/w=="}`);
  });

  it('gives names that repeat as a list, and all in the order they came', () => {
    const headers = ['b', '2', 'a', 'b', '1'].map((name, at) => [name, `v${at}`] as const);
    expect(memberSource(said('', 'text', headers), 'headers')).toBe(
      '{"b":["v0","v3"],"2":"v1","a":"v2","1":"v4"}',
    );
  });

  it('is one line, and reads back', () => {
    fc.assert(
      fc.property(messages, fc.json(), (message, json) => {
        const written = JSON.stringify(JSON.parse(json), null, '\r\n');
        const text = `{${contentJson({ ...message, value: Buffer.from(written), kind: 'json' })}}`;
        expect(text).not.toMatch(/[\r\n]/);
        expect(JSON.parse(memberSource(text, 'key') ?? '')).toBe(message.key ?? null);
        expect(memberSource(text, 'value')?.replaceAll(' ', '')).toBe(written.replaceAll(/[\r\n ]/g, ''));
        const bytes = JSON.parse(`{${contentJson({ ...message, kind: 'bytes' })}}`).valueBase64;
        expect(Buffer.from(bytes, 'base64')).toEqual(Buffer.from(message.value));
      }),
    );
  });
});
