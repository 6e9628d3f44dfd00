import { createClient, type VaultMessage } from '@message-vault/client';
import { startNodes } from '@message-vault/client/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messageOutput, type OutputFormat, streamLook } from '../src/message-output.ts';

let messages: VaultMessage[];

beforeAll(async () => {
  await using cluster = await startNodes({});
  const client = createClient({ urls: cluster.urls });
  await client.publish('formats', [
    'text',
    { value: { a: 1 }, key: 'k', headers: { h: 'v' } },
    Uint8Array.of(0xff),
    {
      value: '[1,\n 2]',
      kind: 'json',
      headers: [
        ['x', '1'],
        ['x', '2'],
      ],
    },
    { value: 'no json', kind: 'json' },
    'bell\u0007',
    { value: 'unterminated', headers: { 'mvault-unterminated': '1' } },
  ]);
  messages = await Array.fromAsync(client.read('formats'));
  await client.close();
});

afterAll(() => {
  messages = [];
});

function printed(format: OutputFormat, which: readonly VaultMessage[] = messages): string {
  const output = messageOutput(format, streamLook);
  return output.opening + Buffer.concat([...output.render(which)]).toString() + output.closing;
}

test('ndjson is a message a line, as the HTTP interface gives it', () => {
  const lines = printed('ndjson')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { offset: 0, sequenceNumber: 0, key: null, headers: {}, valueText: 'text' },
    { key: 'k', headers: { h: 'v' }, value: { a: 1 } },
    { valueBase64: '/w==' },
    { headers: { x: ['1', '2'] }, value: [1, 2] },
    { valueText: 'no json' },
    { valueText: 'bell\u0007' },
    { valueText: 'unterminated' },
  ]);
  expect(lines[0].id).toBe(messages[0]?.id);
});

test('json is one array of the same, even of no messages', () => {
  const lines = printed('ndjson')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(JSON.parse(printed('json'))).toEqual(lines);
  expect(JSON.parse(printed('json', []))).toEqual([]);
});

test('values are the values, each with a line feed unless it had none', () => {
  expect(printed('values', messages.slice(0, 2))).toBe('text\n{"a":1}\n');
  expect(printed('values', messages.slice(-1))).toBe('unterminated');
});

test('pretty is a line a message that cannot drive the terminal', () => {
  const lines = printed('pretty').trimEnd().split('\n');
  expect(lines).toHaveLength(messages.length);
  expect(lines[1]).toMatch(/^1 {2}\d{4}-\d\d-\d\dT[\d:.]+Z {2}k {2}\{"a":1\}$/);
  expect(lines[2]).toMatch(/ff$/);
  expect(lines[3]).toContain('[1,\\n 2]');
  expect(lines[5]).toContain('bell\\u{7}');
});

test('what is rendered comes in pieces, however many messages there are', () => {
  const many = Array.from({ length: 100_000 }, () => messages[0]).filter((message) => message !== undefined);
  for (const format of ['values', 'ndjson'] as const) {
    const pieces = [...messageOutput(format, streamLook).render(many)];
    expect(pieces.length).toBeGreaterThan(1);
    expect(Math.max(...pieces.map((piece) => piece.byteLength))).toBeLessThan(300 * 1024);
  }
});
