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

export async function runningNode(app: 'master' | 'slave' | 'reader', storage: Storage): Promise<VaultNode> {
  const config = { app, nodeId: app, port: 0, storage: 'memory', logLevel: 'silent' } as const;
  const running = await createNode(config, { storage, logger: silentLogger });
  onTestFinished(() => running.stop());
  await vi.waitUntil(() => running.notReady() === undefined, { timeout: 20_000 });
  return running;
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
