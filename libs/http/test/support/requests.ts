import { connect } from 'node:net';
import { expect, vi } from 'vitest';
import type { ProblemCode } from '../../src/index.ts';

export const JSON_TYPE = { 'content-type': 'application/json' };
export const BATCH_JSON = { 'content-type': 'application/vnd.message-vault.batch+json' };
export const BATCH = { 'content-type': 'application/vnd.message-vault.batch' };

export interface Published {
  readonly stream: string;
  readonly count: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly firstSequenceNumber: number;
  readonly timestamp: number;
}

export interface ReadBody {
  readonly stream: string;
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly nextOffset: number;
  readonly upToDate: boolean;
}

/** Publishes one batch of JSON values and answers the result. */
export async function publishValues(
  url: string,
  name: string,
  values: readonly unknown[],
): Promise<Published> {
  const body = JSON.stringify({ messages: values.map((value) => ({ value })) });
  const response = await fetch(`${url}/${name}`, { method: 'POST', headers: BATCH_JSON, body });
  expect(response.status).toBe(201);
  return await json<Published>(response);
}

export async function read(url: string, query = ''): Promise<ReadBody> {
  const response = await fetch(`${url}${query}`, { headers: { accept: 'application/json' } });
  expect(response.status).toBe(200);
  return await json<ReadBody>(response);
}

export async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** Checks that `response` is a whole problem with this status and code, and answers it. */
export async function problem(
  response: Response,
  status: number,
  code: ProblemCode,
): Promise<Readonly<Record<string, unknown>>> {
  const text = await response.text();
  expect({ status: response.status, body: text }).toMatchObject({
    status,
    body: expect.stringContaining(`"code":"${code}"`),
  });
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  for (const header of ['vault-node', 'vault-role', 'vault-epoch', 'vault-leader', 'x-request-id']) {
    expect(response.headers.get(header), header).toBeTruthy();
  }
  const body = JSON.parse(text) as Readonly<Record<string, unknown>>;
  expect(body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status,
    code,
    detail: expect.any(String),
    instance: expect.stringMatching(/^\//),
  });
  expect(text).not.toMatch(/node_modules|\.ts:\d+|at \w+ \(/);
  return body;
}

/** Sends bytes as they are and answers all that comes back until the server closes, as text. */
export function sendRaw(port: number, ...pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(received).toString('utf8')));
    for (const piece of pieces) socket.write(piece);
  });
}

/** Status and parsed body of a raw answer. */
export function parseRaw(text: string): {
  status: number;
  head: string;
  body: Readonly<Record<string, unknown>>;
} {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  return { status, head, body: JSON.parse(body) as Readonly<Record<string, unknown>> };
}

/** Resolves once `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { interval: 5, timeout: 20_000 });
}
