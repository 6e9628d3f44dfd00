import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { azureStorage } from '@message-vault/storage';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Cluster, type ClusterFile, type ClusterOptions, startCluster } from '../src/index.ts';
import { freePorts } from '../src/ports.ts';
import { identify, type ProcessIdentity, stillRuns } from '../src/process-identity.ts';

/** For what happens in its own time, on a machine that may be busy. */
const patience = { timeout: 15_000 };

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const standIn = here('./stand-in-broker.ts');

async function emptyDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'up-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Options of a cluster of stand-ins on free ports; `behave` makes those named misbehave. */
async function standIns(
  options: ClusterOptions & { behave?: Record<string, string> } = {},
): Promise<ClusterOptions> {
  return {
    dir: await emptyDir(),
    portBase: 'free',
    storage: { connection: 'UseDevelopmentStorage=true' },
    slaves: 1,
    ...options,
    configureNode: (node) => ({
      ...node,
      script: standIn,
      extraFlags: ['--behave', options.behave?.[node.id] ?? 'well'],
    }),
  };
}

async function start(options: ClusterOptions): Promise<Cluster> {
  const cluster = await startCluster(options);
  onTestFinished(() => cluster.stop());
  return cluster;
}

async function clusterFile(dir: string): Promise<ClusterFile> {
  return JSON.parse(await readFile(join(dir, 'cluster.json'), 'utf8'));
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const pidOf = (cluster: Cluster, id: string): number =>
  cluster.nodes.find((node) => node.id === id)?.pid ?? 0;

describe('a local cluster', () => {
  it('writes down what runs, and nothing of it runs after stop', async () => {
    const cluster = await start(await standIns());
    const written = await clusterFile(cluster.dir);
    expect(written.nodes.map(({ id, app }) => `${id} ${app}`)).toEqual([
      'master-1 master',
      'slave-1 slave',
      'reader-1 reader',
    ]);
    for (const node of written.nodes) {
      expect((await fetch(`${node.url}/-/health/ready`)).status).toBe(200);
      expect(runs(node.pid)).toBe(true);
    }
    await cluster.stop();
    expect(written.nodes.map(({ pid }) => runs(pid))).toEqual([false, false, false]);
    expect(existsSync(join(cluster.dir, 'cluster.json'))).toBe(false);
  });

  it('starts each node as configureNode left it', async () => {
    const options = await standIns({ slaves: 0, readers: 0 });
    const configureNode: ClusterOptions['configureNode'] = async (node) => {
      const changed = { ...node, storage: 'BlobEndpoint=http://127.0.0.1:1/behind-a-proxy' };
      return (await options.configureNode?.(changed)) ?? changed;
    };
    const cluster = await start({ ...options, configureNode });
    expect(await readFile(join(cluster.dir, 'logs', 'master-1.log'), 'utf8')).toContain('behind-a-proxy');
  });

  it('runs Azurite under its nodes, and gives them the address of its blobs and queues by environment', async () => {
    const cluster = await start(await standIns({ storage: 'memory', slaves: 0, readers: 0 }));
    const { storage } = await clusterFile(cluster.dir);
    expect(storage).toEqual({ url: cluster.storage.url, pid: cluster.storage.pid });
    expect((await fetch(storage.url)).headers.get('server')).toMatch(/^Azurite/);
    const log = await readFile(join(cluster.dir, 'logs', 'master-1.log'), 'utf8');
    expect(log).toContain(cluster.storage.connection);
    const { queues, close } = azureStorage({ connectionString: cluster.storage.connection });
    onTestFinished(close);
    await queues.createQueue('mv-there');
    expect(await queues.properties('mv-there')).toEqual({ approximateCount: 0 });
    await cluster.stop();
    expect(runs(storage.pid ?? 0)).toBe(false);
  });

  it('starts nothing when a port is taken, and says which and for whom', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void blocker.close());
    await once(blocker, 'listening');
    const address = blocker.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const options = await standIns({ portBase: port - 1 });
    await expect(startCluster(options)).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringMatching(new RegExp(`${port} +\\(wanted for master-1\\)[\\s\\S]*--port-base`)),
    });
    expect(existsSync(join(options.dir ?? '', 'logs', 'slave-1.log'))).toBe(false);
  });

  it('refuses a second cluster in one folder, and the first goes on', async () => {
    const options = await standIns();
    const first = await start(options);
    await expect(startCluster(options)).rejects.toMatchObject({
      code: 'already_running',
      message: expect.stringContaining(String(process.pid)),
    });
    expect(first.nodes.every(({ pid }) => runs(pid))).toBe(true);
    expect((await clusterFile(first.dir)).nodes).toHaveLength(3);
  });

  it('a node that dies stays dead, and its exit is told', async () => {
    const say = vi.fn();
    const cluster = await start(await standIns({ say }));
    process.kill(pidOf(cluster, 'master-1'), 'SIGKILL');
    await vi.waitFor(() => {
      expect(say).toHaveBeenCalledWith(expect.stringMatching(/^master-1 .*killed by SIGKILL.*stays dead/));
    }, patience);
    expect(cluster.nodes.map(({ alive }) => alive)).toEqual([false, true, true]);
  });

  it('with restart, a node that dies comes back and is written down anew', async () => {
    const cluster = await start(await standIns({ restart: true }));
    const before = pidOf(cluster, 'reader-1');
    process.kill(before, 'SIGKILL');
    const after = await vi.waitFor(
      async () => {
        const node = (await clusterFile(cluster.dir)).nodes.find(({ id }) => id === 'reader-1');
        expect(node?.pid).not.toBe(before);
        return node;
      },
      { timeout: 10_000 },
    );
    expect((await fetch(`${after?.url}/-/health/ready`)).status).toBe(200);
  });

  it('kill and restart give a node a new process, and tell the file of it', async () => {
    const cluster = await start(await standIns({ restart: true }));
    const before = pidOf(cluster, 'slave-1');
    await cluster.kill('slave-1');
    expect(runs(before)).toBe(false);
    await cluster.restart('slave-1');
    const after = pidOf(cluster, 'slave-1');
    expect(after).not.toBe(before);
    expect((await clusterFile(cluster.dir)).nodes.map(({ pid }) => pid)).toContain(after);
    await expect(cluster.kill('slave-9')).rejects.toMatchObject({ code: 'no_such_process' });
  });

  it('a node that ends while starting fails the start with its last words, and all others are stopped', async () => {
    const options = await standIns({ behave: { 'reader-1': 'exit' } });
    const urls: string[] = [];
    const configureNode: ClusterOptions['configureNode'] = (node) => {
      urls.push(node.url);
      return options.configureNode?.(node) ?? node;
    };
    await expect(startCluster({ ...options, configureNode })).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringMatching(/reader-1 ended with exit code 3[\s\S]*the lock on the door is broken/),
    });
    const reached = await Promise.allSettled(urls.map((url) => fetch(url)));
    expect(reached.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(existsSync(join(options.dir ?? '', 'up.lock'))).toBe(false);
  });

  it('a node that never gets ready fails the start with the reason it gave', async () => {
    const options = await standIns({ behave: { 'slave-1': 'unready' }, readyWithinMs: 1_000 });
    await expect(startCluster(options)).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringMatching(/slave-1 was not ready.*503.*waiting/),
    });
  });

  it('stops while it is still starting, when asked to', async () => {
    const asked = new AbortController();
    const options = await standIns({ behave: { 'slave-1': 'unready' }, signal: asked.signal });
    const starting = startCluster(options);
    const log = join(options.dir ?? '', 'logs', 'slave-1.log');
    await vi.waitFor(() => expect(existsSync(log)).toBe(true), patience);
    asked.abort();
    await expect(starting).rejects.toMatchObject({ code: 'not_ready' });
    expect(existsSync(join(options.dir ?? '', 'up.lock'))).toBe(false);
  });

  it('ends a node that was suspended, and kills one that does not listen', async () => {
    const say = vi.fn();
    const cluster = await start(await standIns({ behave: { 'slave-1': 'deaf' }, stopWithinMs: 3_000, say }));
    const pids = cluster.nodes.map(({ pid }) => pid);
    await cluster.kill('reader-1', 'SIGSTOP');
    await cluster.stop();
    expect(pids.map(runs)).toEqual([false, false, false]);
    expect(say.mock.calls.flat().filter((line) => /was killed/.test(line))).toEqual([
      expect.stringContaining('slave-1'),
    ]);
  });

  it('shows the warnings of its nodes and keeps everything else in their logs', async () => {
    const say = vi.fn();
    const cluster = await start(await standIns({ say, slaves: 0, readers: 0 }));
    await vi.waitFor(() => {
      expect(say.mock.calls.flat()).toEqual(['[master-1] warning: the cat is on the keyboard']);
    }, patience);
    expect(await readFile(join(cluster.dir, 'logs', 'master-1.log'), 'utf8')).toContain('"msg":"listening"');
  });
});

describe('after a crash of the one who started it', () => {
  it('the next start in the folder ends what was left and takes the same ports', async () => {
    const dir = await emptyDir();
    const [base = 0] = await freePorts(1);
    const crashing = await crashingRun(dir, base - 1);
    const left = await Promise.all((await clusterFile(dir)).nodes.map(({ pid }) => identify(pid)));
    crashing.kill('SIGKILL');
    await once(crashing, 'exit');
    expect(await Promise.all(left.map(stillRuns))).toEqual([true, true]);

    const say = vi.fn();
    const cluster = await start(await standIns({ dir, portBase: base - 1, slaves: 0, readers: 1, say }));
    expect(say).toHaveBeenCalledWith(expect.stringContaining('left 2 processes behind'));
    expect(await Promise.all(left.map(stillRuns))).toEqual([false, false]);
    expect(cluster.nodes.map(({ alive }) => alive)).toEqual([true, true]);
  });

  it('the next start waits until the ports of what it ended are free, too', async () => {
    const dir = await emptyDir();
    const [base = 0] = await freePorts(1);
    const left = await slowToLetGo(base);
    await writeLockOfCrashedRun(dir, left);
    const cluster = await start(await standIns({ dir, portBase: base - 1, slaves: 0, readers: 0 }));
    expect(await stillRuns(left)).toBe(false);
    expect(cluster.nodes.map(({ alive }) => alive)).toEqual([true]);
  });

  it('is heard when asked to stop while it still ends what was left, and starts nothing', async () => {
    const dir = await emptyDir();
    const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    onTestFinished(() => void left.kill('SIGKILL'));
    await writeLockOfCrashedRun(dir, await identify(left.pid ?? 0));
    const asked = new AbortController();
    const say = vi.fn(() => asked.abort());
    await expect(startCluster(await standIns({ dir, say, signal: asked.signal }))).rejects.toMatchObject({
      code: 'not_ready',
    });
    expect(say).toHaveBeenCalledWith(expect.stringContaining('left 1 processes behind'));
    expect(existsSync(join(dir, 'logs', 'master-1.log'))).toBe(false);
    expect(existsSync(join(dir, 'up.lock'))).toBe(false);
  });

  it('a lock that was cut off, or names a process long gone, holds nobody up', async () => {
    const dir = await emptyDir();
    await writeFile(join(dir, 'up.lock'), '{"owner":{"pi');
    await (await start(await standIns({ dir }))).stop();
    await writeFile(
      join(dir, 'up.lock'),
      JSON.stringify({ owner: { pid: process.pid, startedAt: '1' }, started: [] }),
    );
    await (await start(await standIns({ dir }))).stop();
  });
});

async function writeLockOfCrashedRun(dir: string, left: ProcessIdentity): Promise<void> {
  const owner = { pid: process.pid, startedAt: '1' };
  await writeFile(join(dir, 'up.lock'), JSON.stringify({ owner, started: [left] }));
}

/** A process that is gone at once when asked, while something of it holds `port` for a moment longer. */
async function slowToLetGo(port: number): Promise<ProcessIdentity> {
  const rest = `
    require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('listening'));
    process.stdin.on('end', () => setTimeout(() => process.exit(), 1000)).resume();
  `;
  const script = `
    require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(rest)}], {
      stdio: ['pipe', 'inherit', 'ignore'],
    });
  `;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return identify(child.pid ?? 0);
}

/** A process of its own that has started a cluster in `dir`. */
async function crashingRun(dir: string, portBase: number): Promise<ChildProcess> {
  const script = `
    import { startCluster } from ${JSON.stringify(here('../src/index.ts'))};
    await startCluster({
      dir: ${JSON.stringify(dir)}, portBase: ${portBase}, slaves: 0, readers: 1,
      storage: { connection: 'UseDevelopmentStorage=true' },
      configureNode: (node) => ({ ...node, script: ${JSON.stringify(standIn)} }),
    });
    console.log('started');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
