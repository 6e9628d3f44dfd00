import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type VaultClient } from '@message-vault/client';
import { type RealNodes, startNodes } from '@message-vault/client/testing';
import { MAX_MESSAGE_BYTES } from '@message-vault/metadata';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { finished, mvault, mvaultInto, type RunOptions, start } from './support/mvault.ts';

let cluster: RealNodes;
let client: VaultClient;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  cluster = await startNodes({ slaves: 1, readers: 1 });
  client = createClient({ urls: cluster.urls });
  folder = mkdtempSync(join(tmpdir(), 'mvault-cli-'));
  env = { MVAULT_URLS: cluster.urls.join(',') };
});

afterAll(async () => {
  await client.close();
  await cluster[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const run = (args: readonly string[], options: RunOptions = {}) =>
  mvault(args, { env, cwd: folder, ...options });

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('publish and read', () => {
  const oddities = Buffer.concat([
    Buffer.from('plain\n\n\ncarriage return\r\n\r\ntab\tand zero \0\n{"json":1}\n'),
    Buffer.of(0xff, 0xfe, 0x80, 0x0a),
    Buffer.from('grüß 🎉\n'),
  ]);
  for (const [title, content] of [
    ['ending in a line feed', oddities],
    ['ending without one', Buffer.concat([oddities, Buffer.from('the end')])],
    ['of one line without a line feed', Buffer.from('x')],
    ['of one line feed', Buffer.from('\n')],
  ] as const) {
    test(`a file ${title} comes out as it went in, to the last byte`, async () => {
      const stream = `files/${title.replaceAll(' ', '-')}`;
      const published = await run(['publish', stream, '--file', file('input', content)]);
      expect(published).toMatchObject({ code: 0, stderr: '' });
      expect(published.stdout.toString()).toMatch(/^published [\d,]+ messages?, .* MB\/s/);
      const read = await run(['read', stream, '--output', 'values']);
      expect(read.code).toBe(0);
      expect(read.stdout.equals(content)).toBe(true);
    });
  }

  test('a pipe of many lines is published in order, with keys from the lines', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `{"id":"k${index % 10}","n":${index}}\n`).join(
      '',
    );
    const published = await run(['publish', 'piped', '--key-field', 'id', '--json', '--codec', 'zstd'], {
      input: lines,
    });
    expect(JSON.parse(published.stdout.toString())).toMatchObject({
      stream: 'piped',
      acknowledged: 20_000,
      read: 20_000,
      bytes: lines.length,
      firstSequenceNumber: 0,
      interrupted: false,
    });
    expect((await run(['read', 'piped', '--output', 'values'])).stdout.toString()).toBe(lines);
    const [last] = await Array.fromAsync(client.read('piped', { from: { last: 1 } }));
    expect(last).toMatchObject({ key: 'k9', kind: 'json', sequenceNumber: 19_999 });
  });

  test('one message, with its key and headers', async () => {
    const args = [
      'publish',
      'single',
      '--message',
      '{"sku":1}',
      '--format',
      'json',
      '--key',
      'k',
      '--header',
      'a=1',
      '--header',
      'b=x=y',
      '--json',
    ];
    const published = await run(args);
    expect(JSON.parse(published.stdout.toString())).toMatchObject({
      stream: 'single',
      count: 1,
      firstOffset: 0,
    });
    const read = await run(['read', 'single']);
    expect(JSON.parse(read.stdout.toString())).toMatchObject({
      offset: 0,
      sequenceNumber: 0,
      key: 'k',
      headers: { a: '1', b: 'x=y' },
      value: { sku: 1 },
    });
  });

  test('messages as JSON lines, from a place and up to a limit', async () => {
    await client.publish('formats', ['text', { value: { a: 1 } }, Uint8Array.of(0xff)]);
    const read = await run(['read', 'formats', '--json', '--from', 'seq:1', '--limit', '1']);
    expect(JSON.parse(read.stdout.toString())).toMatchObject({ sequenceNumber: 1, value: { a: 1 } });
  });

  test('lines that are not as announced are published and counted', async () => {
    const published = await run([
      'publish',
      'uneven',
      '--file',
      file('uneven.ndjson', '{"id":1}\nnot json\n{}\n'),
      '--key-field',
      'id',
    ]);
    expect(published.code).toBe(0);
    expect(published.stderr).toContain('1 line not JSON');
    expect(published.stderr).toContain('1 line without id');
    expect((await client.stats('uneven')).nextSequenceNumber).toBe(3);
  });

  test('one message has its key from the key field like a line, and is told of like one when it has none', async () => {
    const args = ['publish', 'one-keyed', '--key-field', 'id', '--message'];
    expect(await run([...args, '{"id":"k1"}'])).toMatchObject({ code: 0, stderr: '' });
    expect((await run([...args, '{bad'])).stderr).toContain('1 line not JSON');
    const read = await run(['read', 'one-keyed', '--limit', '1']);
    expect(JSON.parse(read.stdout.toString())).toMatchObject({ key: 'k1', value: { id: 'k1' } });
  });
});

describe('tail', () => {
  test('prints what is published while it runs, and ends with its limit', async () => {
    await client.publish('tailed', 'old');
    const child = start(['tail', 'tailed', '--from', 'last:1', '--limit', '3', '--output', 'values'], {
      env,
    });
    const seen: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => seen.push(chunk));
    const done = finished(child);
    await expect.poll(() => Buffer.concat(seen).toString(), { timeout: 20_000 }).toBe('old\n');
    await client.publish('tailed', ['new', 'newer']);
    expect(await done).toMatchObject({ code: 0, stderr: '' });
    expect(Buffer.concat(seen).toString()).toBe('old\nnew\nnewer\n');
  });

  test('waits for a stream that does not exist yet, and prints it from its first message on', async () => {
    const child = start(['tail', 'yet-to-come', '--limit', '3', '--output', 'values', '--verbose'], { env });
    const done = finished(child);
    await new Promise((resolve) => child.stderr.once('data', resolve));
    await client.publish('yet-to-come', ['one', 'two']);
    await client.publish('yet-to-come', 'three');
    expect(await done).toMatchObject({
      code: 0,
      stdout: Buffer.from('one\ntwo\nthree\n'),
      stderr: 'mvault: there is no yet-to-come yet; waiting for its first message\n',
    });
  });

  test('Ctrl-C ends it with 130 and no complaint, SIGTERM with 143', async () => {
    await client.publish('endless', 'x');
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const child = start(['tail', 'endless', '--from', 'earliest'], { env });
      const done = finished(child);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      child.kill(signal);
      expect(await done).toMatchObject({ code, stderr: '' });
    }
  });
});

describe('names, stats and cluster', () => {
  test('names lists what there is', async () => {
    await client.publish('listed/a', 'x');
    await client.publish('listed/b', 'x');
    expect((await run(['names', 'listed/'])).stdout.toString()).toBe('listed/a\tstream\nlisted/b\tstream\n');
    expect(JSON.parse((await run(['names', 'listed/', '--json'])).stdout.toString())).toEqual([
      { name: 'listed/a', role: 'stream' },
      { name: 'listed/b', role: 'stream' },
    ]);
  });

  test('stats tells where a stream begins and ends', async () => {
    await client.publish('counted', ['x', 'y', 'z']);
    expect(JSON.parse((await run(['stats', 'counted', '--json'])).stdout.toString())).toMatchObject({
      stream: 'counted',
      earliestSequenceNumber: 0,
      nextSequenceNumber: 3,
    });
  });

  test('cluster says when nodes do not belong together: two leaders, and one id for two nodes', async () => {
    await using other = await startNodes({ slaves: 0, readers: 0 });
    await createClient({ urls: other.urls }).publish('elsewhere', 'x');
    const urls = [...cluster.urls, ...other.urls].flatMap((url) => ['--url', url]);
    const lines = (await run(['cluster', ...urls])).stdout.toString().split('\n');
    const remarkOf = (url = '') => lines.filter((line) => line.includes(` ${url} `)).join('\n');
    expect(remarkOf(other.urls[0])).toContain(`has the node id of ${cluster.urls[0]}`);
    expect(lines.filter((line) => line.includes('it has another storage'))).toHaveLength(1);
    expect((await run(['cluster'])).stdout.toString()).not.toMatch(/another storage|node id of/);
  });

  test('cluster tells who leads, and a handover makes it another', async () => {
    const before = JSON.parse((await run(['cluster', '--json'])).stdout.toString());
    expect(before.nodes).toHaveLength(3);
    expect(before.leader.nodeId).toBe('master-1');
    const handover = await run(['cluster', 'handover', '--json']);
    expect(JSON.parse(handover.stdout.toString())).toMatchObject({ leader: { nodeId: 'slave-2' } });
    const after = await run(['cluster']);
    expect(after.code).toBe(0);
    expect(after.stdout.toString()).toMatch(/^slave-2 leads/);
    // It probed the leader as long as it stood by: that is no news any more.
    expect(after.stdout.toString()).toMatch(/^slave-2 +\S+ +leading$/m);
    expect((await run(['cluster', 'handover'])).stdout.toString()).toMatch(/^master-1 leads now/);
  });

  test('a node that is gone is shown as such; without any node it is a failure', async () => {
    const dead = 'http://127.0.0.1:9';
    const partly = await run(['cluster', '--url', cluster.urls[0] ?? '', '--url', dead]);
    expect(partly).toMatchObject({ code: 0 });
    expect(partly.stdout.toString()).toMatch(/http:\/\/127\.0\.0\.1:9 +no answer/);
    expect(await run(['cluster', '--url', dead])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no node answers'),
    });
  });
});

describe('how it ends', () => {
  test('2 for wrong usage, with a word on what is wrong', async () => {
    expect(await run(['read', 'x', '--from', 'yesterday'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('expected earliest'),
    });
    expect(await run(['publish', 'bad//name', '--message', 'x'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('segment'),
    });
  });

  test('3 for a name that is none', async () => {
    expect(await run(['read', 'nobody'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nobody'),
      stdout: Buffer.alloc(0),
    });
  });

  test('1 for a file that is not there, and for a line no message can hold, after what is before it', async () => {
    expect(await run(['publish', 'x', '--file', 'missing'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('missing'),
    });
    const long = await run([
      'publish',
      'long',
      '--file',
      file('long', `first\n${'x'.repeat(5_000_000)}\nlast\n`),
    ]);
    expect(long).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/line 2 has more than .*; 1 message acknowledged/),
    });
  });

  test('1 for a line whose key is too long, after what is before it', async () => {
    const lines = Array.from(
      { length: 1000 },
      (_, index) => `{"id":"${index === 500 ? 'k'.repeat(2000) : index}"}\n`,
    );
    const long = await run(['publish', 'long-key', '--key-field', 'id'], { input: lines.join('') });
    expect(long).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /line 501 has a key of more than 1024 bytes.*; 500 messages acknowledged/,
      ),
    });
    expect((await run(['read', 'long-key', '-o', 'values'])).stdout.toString()).toBe(
      lines.slice(0, 500).join(''),
    );
  });

  for (const [what, bytes, says] of [
    ['the name does not take', 100, 'may have 50 bytes, not 100; 0 messages acknowledged'],
    ['no message can hold', MAX_MESSAGE_BYTES + 1, `line 2 has more than ${MAX_MESSAGE_BYTES} bytes`],
  ] as const) {
    test(`1 at once for a line ${what}, with the pipe open and nothing more coming through it`, async () => {
      const stream = `exits/open-pipe-${bytes}`;
      await client.name(stream).assign({ role: 'stream', maxMessageSize: 50 });
      const child = start(['publish', stream], { env, cwd: folder });
      child.stdin.write(`before\n${'x'.repeat(bytes)}\n`);
      const { code, stderr } = await finished(child);
      expect(code).toBe(1);
      expect(stderr).toContain(says);
    });
  }

  test('0 and silence when the reader of its output has enough', async () => {
    await client.publish(
      'endless-output',
      Array.from({ length: 20_000 }, () => 'x'.repeat(100)),
    );
    const child = start(['read', 'endless-output', '--output', 'values'], { env });
    child.stdout.once('data', () => child.stdout.destroy());
    const stderr: string[] = [];
    child.stderr.on('data', (chunk) => stderr.push(String(chunk)));
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect({ code, stderr: stderr.join('') }).toEqual({ code: 0, stderr: '' });
  });

  test.skipIf(!existsSync('/dev/full'))('1 and a word on why when the disk is full', async () => {
    await client.publish('full-disk', ['one', 'two']);
    const full = openSync('/dev/full', 'w');
    try {
      for (const command of [
        'read full-disk -o values',
        'stats full-disk',
        'names',
        'cluster',
        'publish full-disk -m three',
      ]) {
        expect({ command, ...(await mvaultInto(full, command.split(' '), { env })) }).toEqual({
          command,
          code: 1,
          stderr: expect.stringMatching(/^mvault: can't write the output: ENOSPC.*\n$/),
        });
      }
    } finally {
      closeSync(full);
    }
  });

  test('Ctrl-C in the middle of a publish: what was acknowledged is told, and is what is there', async () => {
    const child = start(['publish', 'interrupted'], { env });
    const done = finished(child);
    child.stdin.write('one\ntwo\nthree\nfour');
    await expect
      .poll(
        () =>
          client.stats('interrupted').then(
            (stats) => stats.nextSequenceNumber,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(3);
    child.kill('SIGINT');
    expect(await done).toMatchObject({ code: 130, stderr: 'mvault: interrupted; 3 messages acknowledged\n' });
    expect((await client.stats('interrupted')).nextSequenceNumber).toBe(3);
  });

  test('help is help, on standard output', async () => {
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['publish', 'read', 'tail', 'names', 'stats', 'cluster'])
      expect(help.stdout.toString()).toContain(command);
  });
});
