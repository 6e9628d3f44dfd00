import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type VaultClient } from '@message-vault/client';
import { type RealNodes, startNodes } from '@message-vault/client/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { finished, mvault, start } from './support/mvault.ts';

// Each test starts many processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let cluster: RealNodes;
let client: VaultClient;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  cluster = await startNodes({ slaves: 1, readers: 1 });
  client = createClient({ urls: cluster.urls });
  folder = mkdtempSync(join(tmpdir(), 'mvault-bus-'));
  env = { MVAULT_URLS: cluster.urls.join(',') };
});

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const run = (...args: string[]) => mvault(args, { env, cwd: folder });
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const byNumber = (a: string, b: string): number => Number(a) - Number(b);
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** A program left running, and what it has printed so far. */
interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  out: string;
  err: string;
}

function launch(...args: string[]): Running {
  const child = start(args, { env, cwd: folder });
  const running: Running = { child, out: '', err: '' };
  child.stdout.on('data', (data) => {
    running.out += String(data);
  });
  child.stderr.on('data', (data) => {
    running.err += String(data);
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return running;
}

async function until(check: () => unknown): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 20 });
}

describe('names', () => {
  test('set gives a role, changes a policy and stays what it is when said again', async () => {
    expect((await run('names', 'set', 'n/q')).code).toBe(2);
    expect((await run('names', 'get', 'n/q')).code).toBe(3);
    const set = [
      'names',
      'set',
      'n/q',
      '--role',
      'queue',
      '--lock-duration',
      '90s',
      '--max-message-size',
      '1KiB',
    ];
    expect((await run(...set)).stdout.toString()).toBe('n/q is a queue now\n');
    expect((await run(...set)).code).toBe(0);
    const changed = await run('names', 'set', 'n/q', '--poison-message-drop', '--expires', '+1d', '--json');
    expect(JSON.parse(changed.stdout.toString())).toMatchObject({
      role: 'queue',
      lockDuration: 'PT90S',
      maxMessageSize: 1024,
      poisonMessageDrop: true,
    });
    const other = await run('names', 'set', 'n/q', '--role', 'router');
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('mvault names rm n/q') });
    const wrong = await run('names', 'set', 'n/q', '--distribution', 'one');
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('messageDistribution') });
    expect((await run('names', 'get', 'n/q')).stdout.toString()).toContain('PT90S');
    expect((await run('names', 'rm', 'n/q')).code).toBe(0);
    expect((await run('names', 'rm', 'n/q')).code).toBe(3);
  });

  test('tree shows roles and depths, and what goes where', async () => {
    await run('names', 'set', 't/a/jobs', '--role', 'router');
    await run('names', 'set', 't/audit', '--role', 'queue');
    await run('names', 'set', 't/a/work', '--role', 'router', '--distribution', 'one');
    const subscribe = ['subscribe', 't/a/jobs', '--to'];
    expect((await run(...subscribe, 't/audit', '--filter', `key = '"'`)).code).toBe(0);
    expect((await run(...subscribe, 't/a/work')).code).toBe(0);
    await client.publish('t/audit', ['x', 'y']);
    const tree = (await run('names', 'tree', 't')).stdout.toString();
    expect(linesOf(tree).map((line) => line.replace(/ +/g, ' '))).toEqual([
      't',
      '├── a',
      '│ ├── jobs router to all, 2 subscriptions',
      '│ └── work router to one, 0 subscriptions',
      '└── audit queue 2 messages',
    ]);
    const dot = (await run('names', 'tree', 't', '--dot')).stdout.toString();
    expect(dot).toContain(String.raw`"t/a/jobs" -> "t/audit" [label="key = '\"'"];`);
    expect(dot).toContain('"t/a/jobs" -> "t/a/work";');
    const json = JSON.parse((await run('names', 'tree', 't', '--json')).stdout.toString());
    expect(json.children[0].children[0]).toMatchObject({
      name: 't/a/jobs',
      subscriptions: [{ target: { name: 't/audit' } }, { target: { name: 't/a/work' } }],
    });
    expect((await run('names', 'tree', 'nothing/here')).code).toBe(3);
    const cycle = await run('subscribe', 't/a/work', '--to', 't/a/jobs');
    expect(cycle).toMatchObject({ code: 1, stderr: expect.stringContaining('t/a/jobs') });
  });
});

describe('subscriptions', () => {
  test('are listed, paused, resumed and ended by their target', async () => {
    await run('names', 'set', 's/r', '--role', 'router');
    await run('names', 'set', 's/q', '--role', 'queue');
    await run('subscribe', 's/r', '--to', 's/q', '--from', 'earliest');
    expect((await run('subscribe', 's/r', '--to', 's/q')).stdout.toString()).toContain('is there already');
    expect((await run('subscriptions', 's/r', '--pause', 's/q')).stdout.toString()).toMatch(/s\/q +paused/);
    expect((await run('subscriptions', 's/r', '--resume', 's/q')).stdout.toString()).toMatch(/s\/q +active/);
    const [listed] = JSON.parse((await run('subscriptions', 's/r', '--json')).stdout.toString());
    expect(listed).toMatchObject({ target: { name: 's/q' }, state: 'active' });
    expect((await run('unsubscribe', 's/r', 'unknown')).code).toBe(3);
    expect((await run('unsubscribe', 's/r', 's/q')).code).toBe(0);
    expect((await run('subscriptions', 's/r')).stdout.toString()).toBe('no subscriptions\n');
  });
});

describe('receive', () => {
  async function filled(name: string, values: readonly string[], lockDuration = '5s'): Promise<void> {
    await client.name(name).assign({ role: 'queue', lockDuration });
    await client.publish(name, values);
  }

  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    test(`ended half-way by ${signal} loses nothing`, async () => {
      const name = `r/${signal}`;
      const values = numbers(300);
      await filled(name, values);
      const first = launch('receive', name, '--ack', '-o', 'values', '--follow');
      const ended = finished(first.child);
      await until(() => expect(linesOf(first.out).length).toBeGreaterThan(30));
      first.child.kill(signal);
      const { code, stderr } = await ended;
      expect(code).toBe(signal === 'SIGINT' ? 130 : null);
      if (signal === 'SIGINT')
        expect(stderr).toMatch(/^mvault: (\d+) messages printed, \1 messages acknowledged\n$/);
      const second = await run('receive', name, '--ack', '-o', 'values', '--wait', '8s');
      const seen = [...linesOf(first.out), ...linesOf(second.stdout.toString())];
      expect([...new Set(seen)].sort(byNumber)).toEqual(values);
      // Ctrl-C leaves nothing in between: printed is acknowledged.
      if (signal === 'SIGINT') expect(seen).toHaveLength(values.length);
    });
  }

  test('whoever has read enough gets no more than that acknowledged', async () => {
    await filled('r/head', numbers(50), '60s');
    const child = start(['receive', 'r/head', '--ack', '-o', 'values', '--concurrency', '1'], { env });
    const closed = new Promise((resolve) => child.once('close', resolve));
    const [first] = await Array.fromAsync(child.stdout, (chunk) => {
      child.stdout.destroy();
      return String(chunk);
    }).catch(() => ['']);
    expect(first).toBeDefined();
    expect(await closed).toBe(0);
    const { depth } = await client.queue('r/head').stats();
    expect(depth).toBeGreaterThan(40);
    const rest = await run('receive', 'r/head', '--ack', '--wait', '0');
    expect(linesOf(rest.stdout.toString())).toHaveLength(depth);
  });

  test('without --ack a message is shown and given back; with --lock it stays locked', async () => {
    await filled('r/shown', ['x'], '60s');
    for (let time = 1; time <= 2; time += 1) {
      const shown = await run('receive', 'r/shown', '--json');
      expect(JSON.parse(shown.stdout.toString())).toMatchObject({ valueText: 'x', deliveryCount: time });
    }
    const locked = JSON.parse((await run('receive', 'r/shown', '--lock', '--json')).stdout.toString());
    expect((await run('receive', 'r/shown', '--wait', '0')).stdout.toString()).toBe('');
    expect((await run('peek', 'r/shown')).code).toBe(0);
    await client.queue('r/shown').lock(locked.lock.id).acknowledge();
    expect((await client.queue('r/shown').stats()).depth).toBe(0);
  });

  test('a limit is kept, also with several messages under way', async () => {
    await filled('r/limit', numbers(20), '60s');
    const taken = await run('receive', 'r/limit', '--ack', '--limit', '7', '-o', 'values');
    expect(linesOf(taken.stdout.toString())).toHaveLength(7);
    expect((await client.queue('r/limit').stats()).depth).toBe(13);
  });

  test('dead letters are shown with their reason, and redriven', async () => {
    await filled('r/dead', ['bad'], '60s');
    await (await client.queue('r/dead').receive({ waitSeconds: 5 }))?.lock.deadLetter('no address');
    const peeked = await run('peek', 'r/dead/dead-letter', '--output', 'pretty');
    expect(peeked.stdout.toString()).toContain('[no address]  bad');
    expect((await run('redrive', 'r/dead')).stdout.toString()).toBe('1 message back in r/dead\n');
    expect((await run('stats', 'r/dead')).stdout.toString()).toMatch(/messages +1\n/);
  });

  test('dead letters that stay are told of, and why', async () => {
    await client.name('r/small').assign({ role: 'queue', maxMessageSize: 1 });
    await client.name('r/jobs').assign({ role: 'router' });
    await client.router('r/jobs').subscribe({ name: 'r/small' });
    for (const job of ['large', 'larger']) await client.publish('r/jobs', job);
    await vi.waitUntil(async () => (await client.router('r/jobs').stats()).deadLettered === 2, 20_000);
    const some = await run('redrive', 'r/jobs', '--json');
    expect(JSON.parse(some.stdout.toString())).toEqual({ name: 'r/jobs', moved: 0, left: 2 });
    await client.name('r/small').change({ maxMessageSize: 5 });
    expect((await run('redrive', 'r/jobs')).stdout.toString()).toBe(
      '1 message back in r/jobs, 1 left in r/jobs/dead-letter: whom they were for did not take them, or is no more\n',
    );
  });
});

describe('publish', () => {
  test('into a queue tells the ids, and keeps a message for later', async () => {
    await client.name('p/q').assign({ role: 'queue' });
    const published = await run('publish', 'p/q', '-m', 'x', '--delay', '1h', '--json');
    const { messageIds } = JSON.parse(published.stdout.toString());
    expect(messageIds).toHaveLength(1);
    expect((await run('receive', 'p/q', '--wait', '0')).stdout.toString()).toBe('');
    writeFileSync(join(folder, 'lines'), numbers(150).join('\n'));
    const lines = await run('publish', 'p/q', '--file', 'lines', '--json');
    expect(JSON.parse(lines.stdout.toString())).toMatchObject({ acknowledged: 150, firstOffset: null });
  });
});

describe('listen', () => {
  test('in two terminals each job appears in exactly one; Ctrl-C ends it', async () => {
    await client.name('l/work').assign({ role: 'router', messageDistribution: 'one' });
    const listeners = [
      launch('listen', 'l/work', '-o', 'values'),
      launch('listen', 'l/work', '-o', 'values'),
    ];
    await until(async () => expect((await client.router('l/work').stats()).listeners).toBe(2));
    await client.publish('l/work', numbers(100));
    await until(() =>
      expect(listeners.flatMap(({ out }) => linesOf(out)).length).toBeGreaterThanOrEqual(100),
    );
    expect(listeners.flatMap(({ out }) => linesOf(out)).sort(byNumber)).toEqual(numbers(100));
    for (const { child } of listeners) {
      const ended = finished(child);
      child.kill('SIGINT');
      expect((await ended).code).toBe(130);
    }
  });

  test('of what is no router is an error at once', async () => {
    await client.name('l/queue').assign({ role: 'queue' });
    expect((await run('listen', 'l/queue')).stderr).toContain('l/queue is a queue, not a router');
    expect((await run('listen', 'l/nothing')).code).toBe(3);
  });
});

describe('relay', () => {
  let service: Server;

  afterAll(() => service?.close());

  test('hands requests to the service and its answers back, bodies and repeated headers included', async () => {
    service = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(request.url === '/base/teapot' ? 418 : 200, [
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
          ['connection', 'keep-alive, x-inner'],
          ['x-inner', 'for who is connected to the service'],
        ]);
        response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)}`);
      });
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    const address = service.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await client.name('api').assign({ role: 'connection-point' });
    const relay = launch('relay', 'api', '--to', `http://127.0.0.1:${port}/base/`);
    await until(() => expect(relay.err).toContain('api is served by'));
    for (const url of cluster.urls) {
      const answer = await fetch(`${url}/api/-/relay/teapot`, { method: 'PUT', body: 'tea' });
      expect(answer.status).toBe(418);
      expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      expect(answer.headers.get('x-inner')).toBeNull();
      expect(await answer.text()).toBe('PUT /base/teapot tea');
    }
    expect(linesOf(relay.out)).toHaveLength(cluster.urls.length);
    service.closeAllConnections();
    await new Promise((resolve) => service.close(resolve));
    const down = await fetch(`${cluster.urls[0]}/api`);
    expect(down.status).toBe(502);
    const ended = finished(relay.child);
    relay.child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect((await fetch(`${cluster.urls[0]}/api`)).status).toBe(503);
  });
});

test('a help text of which only the beginning is read is no failure', async () => {
  const child = start(['names', 'set', '--help'], { env });
  child.stdout.destroy();
  const { code, stderr } = await finished(child);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
