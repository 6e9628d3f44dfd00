import { once } from 'node:events';
import { createServer } from 'node:net';
import { memoryStorage, type Storage } from '@message-vault/storage';
import { silentLogger } from '@message-vault/telemetry';
import { onTestFinished, vi } from 'vitest';
import { createNode, type VaultNode } from '../../src/index.ts';

export const POLICY = { 'content-type': 'application/vnd.message-vault.policy+json' };
export const ENTRY = { 'content-type': 'application/atom+xml;type=entry' };

/** A node that leads and another that reads, over one storage. */
export async function vault(storage: Storage = memoryStorage()) {
  const leader = await node('master', storage);
  const reader = await node('reader', storage);
  return { leader, reader, storage };
}

/** Base URL of a node that is ready; it is stopped when the test ends. */
export async function node(app: 'master' | 'slave' | 'reader', storage: Storage): Promise<string> {
  return (await runningNode(app, storage)).url;
}

export async function runningNode(
  app: 'master' | 'slave' | 'reader',
  storage: Storage,
  redisUrl?: string,
): Promise<VaultNode> {
  const config = { app, nodeId: app, port: 0, storage: 'memory', logLevel: 'silent', redisUrl } as const;
  const running = await createNode(config, { storage, logger: silentLogger });
  onTestFinished(() => running.stop());
  await vi.waitUntil(() => running.notReady() === undefined, { timeout: 20_000 });
  return running;
}

/** Two nodes that can lead and know each other: the first of them does. */
export async function candidates(
  storageOf: () => Storage,
): Promise<readonly [leader: VaultNode, next: VaultNode]> {
  const ports = [await freePort(), await freePort()];
  const peers = ports.map((port) => `http://127.0.0.1:${port}`);
  const start = async (app: 'master' | 'slave', port = 0): Promise<VaultNode> => {
    const storage = storageOf();
    const config = { app, nodeId: app, port, peers, storage: 'given', logLevel: 'silent' } as const;
    const started = await createNode(config, { storage, logger: silentLogger });
    onTestFinished(async () => {
      await started.stop();
      await storage.close();
    });
    await vi.waitUntil(() => started.notReady() === undefined, { timeout: 20_000 });
    return started;
  };
  return [await start('master', ports[0]), await start('slave', ports[1])];
}

/** A port nobody listened on a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export function assign(url: string, name: string, policy: unknown): Promise<Response> {
  return fetch(`${url}/${name}`, { method: 'POST', headers: POLICY, body: JSON.stringify(policy) });
}

export function change(url: string, name: string, policy: unknown, headers = {}): Promise<Response> {
  const body = JSON.stringify(policy);
  return fetch(`${url}/${name}/-/policy`, { method: 'PUT', headers: { ...POLICY, ...headers }, body });
}

export function remove(url: string, name: string, headers = {}): Promise<Response> {
  return fetch(`${url}/${name}/-/policy`, { method: 'DELETE', headers });
}

/** The JSON of an answer, taken for what the test says it is. */
export async function json<T>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

/** Status and code of a problem, and what it says. */
export async function problemOf(response: Response) {
  const { code, detail, field } = await json<{ code: string; detail: string; field?: string }>(response);
  return { status: response.status, code, detail, field };
}
