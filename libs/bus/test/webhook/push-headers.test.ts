import type { MessageHeader } from '@message-vault/framing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pushHeaders } from '../../src/webhook/push-headers.ts';
import { deliveryOf } from './deliveries.ts';

const now = Date.UTC(2026, 10, 20, 8);
const target = { url: 'https://example.com/', secrets: [] };
const headersOf = (message: Parameters<typeof deliveryOf>[0]) =>
  pushHeaders(target, deliveryOf(message), now);
const event: MessageHeader[] = [
  ['ce-specversion', '1.0'],
  ['ce-id', 'e-1'],
  ['ce-source', '/till/3'],
  ['ce-type', 'sold'],
];

const trace: MessageHeader = ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'];
const state: MessageHeader = ['tracestate', 'vendor=1'];

describe('the headers of a push', () => {
  it('make an event of a message that was none', () => {
    expect(headersOf({ key: 'kö' })).toMatchObject({
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': '0193479d-1c00-7000-8000-000000000001',
      'ce-source': '/myapp/work',
      'ce-type': 'message-vault.message',
      'ce-time': '2026-11-20T07:00:00.005Z',
      'ce-partitionkey': 'k%C3%B6',
      'webhook-id': '0193479d-1c00-7000-8000-000000000001',
      'webhook-timestamp': String(now / 1000),
      'vault-router': 'myapp/work',
      'vault-subscription': 's-1',
      'vault-sequence-number': '1',
      'vault-attempt': '1',
    });
  });

  it('give a message that came in as an event its own attributes, and no others', () => {
    const headers = [...event, ['ce-trace', 'a "b" €😀%'], ['content-type', 'application/xml']] as const;
    const sent = headersOf({ headers, key: 'k' });
    const attributes = Object.fromEntries(Object.entries(sent).filter(([name]) => name.startsWith('ce-')));
    expect(attributes).toEqual({
      ...Object.fromEntries(event),
      'ce-trace': 'a%20%22b%22%20%E2%82%AC%F0%9F%98%80%25',
    });
    expect(sent['content-type']).toBe('application/xml');
    expect(sent['message-headers']).toBeUndefined();
  });

  it.each(event.map(([name]) => name))('do not take a message without %s for an event', (missing) => {
    const headers = event.filter(([name]) => name !== missing);
    const sent = headersOf({ headers });
    expect(sent['ce-type']).toBe('message-vault.message');
    expect(JSON.parse(sent['message-headers'] ?? '')).toEqual(Object.fromEntries(headers));
  });

  it('leave a body that is a whole event alone', () => {
    const sent = headersOf({ headers: [['content-type', 'application/cloudevents+json']] });
    expect(Object.keys(sent).filter((name) => name.startsWith('ce-'))).toEqual([]);
  });

  it.each([
    ['json', 'application/json'],
    ['text', 'text/plain; charset=utf-8'],
    ['bytes', 'application/octet-stream'],
  ] as const)('name a content type for %s that came without one', (kind, type) => {
    expect(headersOf({ kind })['content-type']).toBe(type);
  });

  it('bring along what else the producer has said, in ASCII, lists where names repeat', () => {
    const sent = headersOf({
      headers: [
        ['trace', 'ä😀'],
        ['tag', 'red'],
        ['tag', 'large'],
      ],
    });
    expect(sent['message-headers']).toBe('{"trace":"\\u00e4\\ud83d\\ude00","tag":["red","large"]}');
  });

  it.each<
    [string, readonly MessageHeader[], readonly [parent: string | undefined, state: string | undefined]]
  >([
    ['its own', [trace, state], [trace[1], 'vendor=1']],
    ['that of the event', [...event, ['ce-traceparent', trace[1]]], [trace[1], undefined]],
    ['its own before that of the event', [...event, ['ce-traceparent', 'x'], trace], [trace[1], undefined]],
    ['none where it has several', [trace, trace, state], [undefined, undefined]],
    ['none that is no header', [['traceparent', 'a\r\nb: c']], [undefined, undefined]],
    ['none that is far too long', [['traceparent', 'a'.repeat(600)]], [undefined, undefined]],
    ['no state without a trace', [state], [undefined, undefined]],
  ])('tell the trace a message belongs to: %s', (_, headers, expected) => {
    const { traceparent, tracestate } = headersOf({ headers });
    expect([traceparent, tracestate]).toEqual(expected);
  });

  it('name who was allowed to push', () => {
    const granted = { ...target, origin: 'vault.example.com' };
    expect(pushHeaders(granted, deliveryOf(), now)).toMatchObject({
      'webhook-request-origin': 'vault.example.com',
    });
    expect(headersOf({})).not.toHaveProperty('webhook-request-origin');
    expect(headersOf({})).not.toHaveProperty('webhook-signature');
  });

  it('are visible ASCII whatever a message holds', () => {
    const text = fc.string({ unit: 'binary' });
    const names = fc.oneof(text, fc.constantFrom('content-type', 'ce-x', 'ce-id', '__proto__'));
    const headers = fc.array(fc.tuple(names, text), { maxLength: 5 });
    fc.assert(
      fc.property(headers, text, fc.boolean(), (given, key, asEvent) => {
        const sent = headersOf({ key, headers: asEvent ? [...event, ...given] : given });
        for (const [name, value] of Object.entries(sent)) {
          expect(name).toMatch(/^[a-z0-9-]+$/);
          expect(value).toMatch(/^[\x20-\x7e\t]*$/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('give an attribute back to whoever decodes it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const sent = headersOf({ headers: [...event, ['ce-x', value]] });
        expect(decodeURIComponent(sent['ce-x'] ?? '')).toBe(value);
      }),
    );
  });
});
