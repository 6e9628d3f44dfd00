import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { ChaosError } from './errors.ts';
import type { ChaosLink } from './link.ts';
import { parseMode } from './link.ts';

const MAX_BODY_BYTES = 16 * 1024;

export interface Control {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Switches links from outside, over HTTP on loopback:
 *
 *     GET /links               every link: name, address, target, protocol, mode, stats
 *     GET /links/NAME          that one
 *     PUT /links/NAME/mode     {"mode": "cut"} → the link as it is now; 400 says what is wrong with the mode
 */
export async function openControl(links: ReadonlyMap<string, ChaosLink>, port = 0): Promise<Control> {
  const server = createServer((request, response) => {
    answer(links, request).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => send(response, 500, { code: 'internal', detail: String(error) }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new ChaosError('port_taken', `control port: ${cause.message}`, { cause })),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  const bound = server.address();
  return {
    url: `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  body: unknown;
}

async function answer(links: ReadonlyMap<string, ChaosLink>, request: IncomingMessage): Promise<Answer> {
  const [, root, name, part] = (request.url ?? '').split('?')[0]?.split('/').map(decodeURIComponent) ?? [];
  if (root !== 'links') return problem(404, 'not_found', 'there is /links, /links/NAME and /links/NAME/mode');
  if (name === undefined || name === '') return { status: 200, body: { links: [...links].map(describe) } };
  const link = links.get(name);
  if (!link) return problem(404, 'no_such_link', `there is ${[...links.keys()].join(', ')}`);
  if (part === undefined && request.method === 'GET') return { status: 200, body: describe([name, link]) };
  if (part !== 'mode' || request.method !== 'PUT')
    return problem(405, 'bad_method', 'GET /links/NAME, PUT /links/NAME/mode');
  try {
    await link.setMode(parseMode(await bodyOf(request)));
    return { status: 200, body: describe([name, link]) };
  } catch (error) {
    if (error instanceof ChaosError) return problem(400, error.code, error.message);
    throw error;
  }
}

function describe([name, link]: readonly [string, ChaosLink]): object {
  const { address, target, protocol, mode, stats } = link;
  return { name, address, target, protocol, mode, stats };
}

const problem = (status: number, code: string, detail: string): Answer => ({
  status,
  body: { code, detail },
});

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_BODY_BYTES)
      throw new ChaosError('bad_mode', `a mode has at most ${MAX_BODY_BYTES} bytes`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ChaosError('bad_mode', 'the body is no JSON', { cause });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
