import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { placesOn, withEndpoint } from '../src/lab/links.ts';

const routedNode = fileURLToPath(new URL('../src/lab/routed-node.ts', import.meta.url));

/** Answers every connection with its name. */
async function server(name: string): Promise<number> {
  const listening: Server = createServer((socket) => socket.end(name));
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void listening.close());
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Connects to both ports given, in the two ways programs do. */
const PROGRAM = `
import { connect, Socket } from 'node:net';
const ask = (socket) => new Promise((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
const [first, second] = process.argv.slice(2).map(Number);
const answers = [
  await ask(connect({ host: '127.0.0.1', port: first })),
  await ask(new Socket().connect({ host: '127.0.0.1', port: first })),
  await ask(connect({ host: '127.0.0.1', port: second })),
];
console.log(answers.join(' '), process.argv.length);
`;

it('a node behind links reaches the others by the ways it was given, and all else directly', async () => {
  const [peer, way, other] = [await server('peer'), await server('way'), await server('other')];
  const dir = await mkdtemp(join(tmpdir(), 'drill-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const program = join(dir, 'program.mjs');
  await writeFile(program, PROGRAM);
  const routes = JSON.stringify({ [`127.0.0.1:${peer}`]: `127.0.0.1:${way}` });
  const flags = ['--drill-program', program, '--drill-routes', routes];
  const { stdout } = await promisify(execFile)(process.execPath, [
    routedNode,
    String(peer),
    ...flags,
    String(other),
  ]);
  expect(stdout.trim()).toBe('way way other 4');
});

it('a connection string keeps everything but the address of the service that is rerouted', () => {
  const connection =
    'AccountName=a;AccountKey=k==;BlobEndpoint=http://127.0.0.1:10000/a;QueueEndpoint=http://127.0.0.1:10001/a;';
  expect(withEndpoint(connection, 'Blob', { host: '127.0.0.1', port: 4321 })).toBe(
    'AccountName=a;AccountKey=k==;BlobEndpoint=http://127.0.0.1:4321/a;QueueEndpoint=http://127.0.0.1:10001/a;',
  );
  expect(withEndpoint(connection, 'Queue', { host: '127.0.0.1', port: 4321 })).toBe(
    'AccountName=a;AccountKey=k==;BlobEndpoint=http://127.0.0.1:10000/a;QueueEndpoint=http://127.0.0.1:4321/a;',
  );
});

it('nodes are expected where the local cluster puts them', () => {
  expect(placesOn(21_000, { slaves: 2, readers: 2 })).toEqual([
    { id: 'master-1', port: 21_001 },
    { id: 'slave-1', port: 21_002 },
    { id: 'slave-2', port: 21_022 },
    { id: 'reader-1', port: 21_003 },
    { id: 'reader-2', port: 21_042 },
  ]);
});
