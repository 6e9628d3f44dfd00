import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

/** A service that does jobs, pushed to it by webhook. */
export interface Processor {
  readonly name: string;
  readonly url: string;
  /** What its pushes are signed with. */
  readonly secret: string;
  /** Values of the jobs it has done, by the id of their messages: one that comes twice is done once. */
  readonly done: ReadonlyMap<string, unknown>;
  /** Pushes it has turned away. */
  readonly turnedAway: () => number;
  close(): Promise<void>;
}

/** Starts one on a free port of 127.0.0.1. The first `busyFor` jobs it turns away, as a service that is overloaded. */
export async function startProcessor(name: string, busyFor = 0): Promise<Processor> {
  const key = randomBytes(32);
  const done = new Map<string, unknown>();
  let turnedAway = 0;
  const server = createServer(async (request, response) => {
    if (request.method === 'OPTIONS') return agree(response);
    const body = Buffer.concat(await request.toArray());
    if (!isGenuine(request.headers, body, key)) return answer(response, 401);
    if (turnedAway < busyFor) {
      turnedAway += 1;
      return answer(response, 503);
    }
    done.set(idOf(request), JSON.parse(body.toString()));
    answer(response, 204);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    name,
    url: `http://127.0.0.1:${port}/jobs`,
    secret: `whsec_${key.toString('base64')}`,
    done,
    turnedAway: () => turnedAway,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The handshake: yes, push here, as fast as you like. */
function agree(response: ServerResponse): void {
  response.writeHead(200, { 'WebHook-Allowed-Origin': '*', 'WebHook-Allowed-Rate': '*' }).end();
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}

function idOf(request: IncomingMessage): string {
  return String(request.headers['webhook-id']);
}

/** Standard Webhooks: signed with our key, within the last five minutes. */
function isGenuine(headers: IncomingHttpHeaders, body: Buffer, key: Buffer): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': sentAt, 'webhook-signature': signatures } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(sentAt)) <= 300)) return false;
  const expected = createHmac('sha256', key).update(`${id}.${sentAt}.`).update(body).digest();
  return String(signatures)
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice('v1,'.length), 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}
