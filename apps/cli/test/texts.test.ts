import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clusterUrls } from '../src/cluster-urls.ts';
import { parseFrom } from '../src/from.ts';
import { Progress, rateText } from '../src/publish/progress.ts';
import { bytesText, columns, plural, printable } from '../src/text.ts';

describe('which cluster', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mvault-cli-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('what is given wins over the environment, and both over the file', () => {
    const from = { environment: 'http://e:1, http://e:2', folder };
    expect(clusterUrls(['http://g:1'], from)).toEqual(['http://g:1']);
    expect(clusterUrls([], from)).toEqual(['http://e:1', 'http://e:2']);
  });

  test('the nearest cluster file counts, from any folder below', () => {
    const deep = join(folder, 'a', 'b');
    mkdirSync(deep, { recursive: true });
    mkdirSync(join(folder, '.vault'));
    writeFileSync(
      join(folder, '.vault', 'cluster.json'),
      JSON.stringify({ nodes: [{ id: 'm', url: 'http://f:1' }, { id: 'x' }] }),
    );
    expect(clusterUrls([], { environment: undefined, folder: deep })).toEqual(['http://f:1']);
    mkdirSync(join(deep, '.vault'));
    writeFileSync(join(deep, '.vault', 'cluster.json'), 'being written');
    expect(clusterUrls([], { environment: '', folder: deep })).toEqual(['http://f:1']);
  });

  test('without any of them it is where npm start puts it', () => {
    expect(clusterUrls([], { environment: undefined, folder })).toContain('http://127.0.0.1:7001');
  });

  test('what is no URL of a node is wrong usage', () => {
    expect(() => clusterUrls(['localhost:7001'], { environment: undefined, folder })).toThrow(/--url/);
    expect(() => clusterUrls([], { environment: 'nonsense', folder })).toThrow(/MVAULT_URLS/);
  });
});

describe('--from', () => {
  test('takes the forms of the HTTP interface, and times counted back', () => {
    expect(parseFrom('earliest')).toBe('earliest');
    expect(parseFrom('65536')).toBe(65536);
    expect(parseFrom('seq:7')).toEqual({ sequenceNumber: 7 });
    expect(parseFrom('last:0')).toEqual({ last: 0 });
    expect(parseFrom('time:2026-11-20T07:00:00Z')).toEqual({ timestamp: Date.UTC(2026, 10, 20, 7) });
    expect(parseFrom('time:1795167173756')).toEqual({ timestamp: 1795167173756 });
    const before = Date.now();
    expect(parseFrom('time:-5m')).toEqual({ timestamp: expect.closeTo(before - 300_000, -3) });
  });

  test('refuses what it does not understand', () => {
    for (const text of [
      '',
      '-1',
      '1.5',
      'seq:',
      'seq:x',
      'last:-3',
      'time:yesterday',
      'time:-5',
      'first',
      '99999999999999999',
    ]) {
      expect(() => parseFrom(text), text).toThrow(/expected/);
    }
  });
});

describe('what people read', () => {
  test('sizes, counts and rates', () => {
    expect([0, 1, 999, 1000, 12_345_678].map(bytesText)).toEqual([
      '0 bytes',
      '1 byte',
      '999 bytes',
      '1.0 KB',
      '12.3 MB',
    ]);
    expect([plural(1, 'message'), plural(12_345, 'message')]).toEqual(['1 message', '12,345 messages']);
    expect(rateText({ messages: 3000, bytes: 6_000_000 }, 2000)).toBe('3.0 MB/s, 1,500 messages/s');
  });

  test('control characters of messages never reach the terminal', () => {
    expect(printable('a\u001b[2Jb\r\n\u0007\u202e')).toBe('a\\u{1b}[2Jb\\r\\n\\u{7}\\u{202e}');
    expect(printable('grüß 🎉')).toBe('grüß 🎉');
  });

  test('columns stand below each other', () => {
    expect(
      columns([
        ['a', 'long name', 'x'],
        ['bb', 'n', ''],
      ]),
    ).toBe('a   long name  x\nbb  n\n');
  });

  test('progress is for terminals only', () => {
    const shown: string[] = [];
    const stream = (isTTY: boolean) => {
      const sink = new Writable({
        write(chunk, _encoding, done) {
          shown.push(String(chunk));
          done();
        },
      });
      return Object.assign(sink, { isTTY, columns: 200 });
    };
    const piped = new Progress(stream(false), 100);
    piped.show({ messages: 5, bytes: 50 });
    piped.stop();
    expect(shown).toEqual([]);
    const terminal = new Progress(stream(true), 100);
    terminal.show({ messages: 5, bytes: 50 });
    terminal.stop();
    expect(shown.join('')).toMatch(/messages.*MB\/s/);
  });
});
