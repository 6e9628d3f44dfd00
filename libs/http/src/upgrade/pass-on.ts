import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { MAX_BATCH_BYTES } from '@message-vault/framing';
import { WebSocket } from 'ws';
import { type Exchange, goneSignal, type HttpContext } from '../exchange.ts';
import { copyHead, headersToSend } from '../forward.ts';
import { ForwardError } from '../ports.ts';
import type { NameTarget } from '../target.ts';
import { offeredProtocols } from './handshake.ts';
import { CLOSE, VaultSocket } from './vault-socket.ts';

/** The largest message a leader sends: a message of the vault as JSON, in base64 and with its headers. */
const MAX_MESSAGE_BYTES = 2 * MAX_BATCH_BYTES;
/** How often it is looked whether another node leads. */
const LOOK_EVERY_MS = 500;
/** A leader that was succeeded and gives no sign for this long is taken for gone. */
const FORMER_SILENT_MS = 2000;
/** Said by the client's own handshake, or by the WebSocket to the leader for itself. */
const HANDSHAKE = /^(sec-websocket-.*|origin)$/;

/** Connects a client to the leader: two WebSockets, and whatever comes by one goes out by the other. */
export async function passOn(
  context: HttpContext,
  exchange: Exchange,
  target: NameTarget,
  accept: () => VaultSocket | undefined,
): Promise<void> {
  const { leader } = context.ports.status();
  if (leader === undefined) throw new ForwardError('no_leader', 'no node leads');
  const ws = openUpstream(context, exchange, `${leader.url.replace(/^http/, 'ws')}${target.url}`);
  const gone = goneSignal(exchange);
  const cut = (): void => ws.terminate();
  gone.addEventListener('abort', cut, { once: true });
  const refusal = await answered(ws, leader.url);
  gone.removeEventListener('abort', cut);
  if (refusal !== undefined) return await passRefusalOn(exchange, refusal);
  const upstream = new VaultSocket(ws, context.options.limits.webSocket);
  const client = accept();
  if (client === undefined) return upstream.terminate();
  join(client, upstream);
  watchLeader(context, leader.url, client, upstream);
}

function openUpstream(context: HttpContext, exchange: Exchange, url: string): WebSocket {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headersToSend(context, exchange)))
    if (!HANDSHAKE.test(name)) headers[name] = value;
  return new WebSocket(url, offeredProtocols(exchange.req), {
    headers,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handshakeTimeout: context.options.limits.webSocket.handshakeMs,
    followRedirects: false,
  });
}

/** Undefined when it is open, an answer when the leader refused. Throws ForwardError. */
function answered(ws: WebSocket, url: string): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    ws.once('open', () => {
      // Nothing is read before the client is there to take it.
      ws.pause();
      resolve(undefined);
    });
    ws.once('unexpected-response', (_request, response) => resolve(response));
    ws.on('error', (cause) =>
      reject(new ForwardError('leader_unreachable', `the leader at ${url} can't be reached`, { cause })),
    );
  });
}

async function passRefusalOn(exchange: Exchange, refusal: IncomingMessage): Promise<void> {
  copyHead(exchange, { status: refusal.statusCode ?? 502, headers: refusal.headers });
  await pipeline(refusal, exchange.res);
}

function join(client: VaultSocket, upstream: VaultSocket): void {
  client.use({
    message: pump(client, upstream),
    closed: (code, reason) => upstream.close(sendable(code) ? code : CLOSE.goingAway, reason),
  });
  upstream.use({
    message: pump(upstream, client),
    closed: (code, reason) => {
      if (sendable(code)) client.close(code, reason);
      else client.close(CLOSE.moved, 'the connection to the leader broke: connect again');
    },
  });
  upstream.resume();
}

/** Nothing more is read from one side while the other has much to take. */
function pump(from: VaultSocket, to: VaultSocket): (data: Buffer, isBinary: boolean) => void {
  return (data, isBinary) => {
    to.send(data, { binary: isBinary });
    if (to.hasRoom) return;
    from.pause();
    void to.room().then(() => from.resume());
  };
}

/** 1005 and 1006 tell of a close without a code, or of none at all: they never go over the wire. */
function sendable(code: number): boolean {
  return code !== 1005 && code !== 1006 && code !== 1015;
}

/**
 * A leader that was succeeded lets go of its connections itself, when it can: what is under way there may finish. One
 * that can't is found out.
 */
function watchLeader(context: HttpContext, url: string, client: VaultSocket, upstream: VaultSocket): void {
  const { relay, webSocket } = context.options.limits;
  let succeededAt: number | undefined;
  let ticks = 0;
  const clock = setInterval(() => {
    if (!client.isOpen) return clearInterval(clock);
    ticks += 1;
    if (ticks % Math.ceil(webSocket.heartbeatMs / LOOK_EVERY_MS) === 0) upstream.tick(webSocket.heartbeatMs);
    if (context.ports.status().leader?.url === url) {
      succeededAt = undefined;
      return;
    }
    const now = performance.now();
    succeededAt ??= now;
    upstream.ping();
    const silent = upstream.heardAt < succeededAt && now - succeededAt > FORMER_SILENT_MS;
    if (silent || now - succeededAt > 2 * relay.drainMs)
      client.close(CLOSE.moved, 'another node leads: connect again');
  }, LOOK_EVERY_MS);
  clock.unref();
}
