import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { NameError } from '@message-vault/metadata';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { sendError } from './answer.ts';
import { BodyReader, ClientGone } from './body.ts';
import { answerBrokenRequests } from './broken-requests.ts';
import { EventStreams } from './events/event-streams.ts';
import {
  Closing,
  type Exchange,
  exchangeOf,
  type HttpContext,
  openExchange,
  rememberExchange,
} from './exchange.ts';
import { Places } from './listener/places.ts';
import { isPolicyType } from './names/policies.ts';
import type { HttpOptions } from './options.ts';
import type { NodePorts } from './ports.ts';
import { HttpProblem } from './problems.ts';
import { PieceBuffers } from './read/piece-buffers.ts';
import { ReadBudget } from './read/read-budget.ts';
import { NameDoor } from './routes/name-door.ts';
import { nodeRoutes } from './routes/node-routes.ts';
import { parseTarget } from './target.ts';
import { inTurn } from './turns.ts';
import { Upgrades } from './upgrade/upgrades.ts';

/** The HTTP interface of one node. */
export interface HttpApp {
  /** Not listening yet. Its time-outs and bounds are set. */
  readonly server: Server;
  /** Open right now. */
  readonly webSockets: number;
  /** Bytes of request bodies held right now. */
  readonly heldBodyBytes: number;
  /** Bytes of commits that running reads hold right now. */
  readonly heldReadBytes: number;
  /**
   * Stops taking connections, ends event streams and long polls, lets requests finish for up to `graceMs` milliseconds,
   * and then closes what is still open.
   */
  close(graceMs: number): Promise<void>;
}

/** How often Node looks for requests whose headers are late, milliseconds. */
const CHECK_EVERY_MS = 1000;
/** While the server is being closed: how often connections that fell idle are closed, milliseconds. */
const SWEEP_EVERY_MS = 10;

/** Makes the server of a node; `ports` is the node. */
export function createHttpApp(ports: NodePorts, options: HttpOptions): HttpApp {
  const reads = new ReadBudget(options.limits.read.maxBytesInFlight);
  const listeners = new Places(options.limits.listener.maxListeners);
  const context: HttpContext = {
    ports,
    options,
    closing: new Closing(),
    reads,
    pieces: new PieceBuffers(),
    listeners,
  };
  const bodies = new BodyReader(options.limits.http, options.metrics);
  const events = new EventStreams(context);
  const names = new NameDoor(context, events, bodies);
  const server = createBoundedServer(
    options,
    inTurn(frontDoor(context, expressRoutes(context, bodies), names)),
  );
  answerBrokenRequests(server, context);
  const upgrades = new Upgrades(context, server);
  return {
    server,
    get webSockets() {
      return upgrades.open;
    },
    get heldBodyBytes() {
      return bodies.heldBytes;
    },
    get heldReadBytes() {
      return reads.heldBytes;
    },
    async close(graceMs) {
      context.closing.begin();
      await Promise.all([upgrades.close(graceMs), closeServer(server, graceMs)]);
      events.stop();
    },
  };
}

function createBoundedServer({ limits: { http } }: HttpOptions, listener: RequestListener): Server {
  const server = createServer({
    maxHeaderSize: http.maxHeaderBytes,
    headersTimeout: http.headersTimeoutMs,
    keepAliveTimeout: http.keepAliveTimeoutMs,
    // An answer may be silent for hours (a relayed event stream): the kernel finds out whether its client is there.
    keepAlive: true,
    keepAliveInitialDelay: http.keepAliveTimeoutMs,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    // Bodies have limits of their own, and answers that last are no fault.
    requestTimeout: 0,
    // Other protocols that a client would rather speak (h2c) are passed over: it gets its answer by HTTP/1.1.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    // Refused at the front door, with a problem instead of an empty 400.
    requireHostHeader: false,
  });
  server.maxConnections = http.maxConnections;
  server.on('request', listener);
  server.on('checkContinue', listener);
  server.on('checkExpectation', listener);
  return server;
}

/**
 * Where every request comes in. The target is read as it was sent; what is for a name goes by the role of the name, what
 * is for the node through Express, which gets to see the target in its canonical spelling only.
 */
function frontDoor(context: HttpContext, routes: Express, names: NameDoor): RequestListener {
  return (req, res) => {
    const exchange = openExchange(context, req, res);
    exchange.awaitsGoAhead = req.headers.expect?.toLowerCase() === '100-continue';
    try {
      refuseUnreadable(req);
      const target = parseTarget(req.url ?? '/');
      if (target.kind === 'name') {
        names.serve(exchange, target).catch((error: unknown) => fail(context, exchange, error));
        return;
      }
      if (req.method === 'POST' && isPolicyType(req.headers['content-type'])) throw reservedName(target.url);
      req.url = target.url;
      rememberExchange(exchange, target);
      routes(req, res);
    } catch (error) {
      fail(context, exchange, error);
    }
  };
}

/** Requests that are well-formed, but not what they seem. */
function refuseUnreadable({ httpVersion, headers }: IncomingMessage): void {
  if (httpVersion === '1.1' && headers.host === undefined) {
    throw new HttpProblem('bad_request', 'HTTP/1.1 wants a Host header');
  }
  const encoding = headers['transfer-encoding'];
  // Node takes the chunks apart and nothing else: what is compressed besides would be stored as it is.
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') {
    throw new HttpProblem(
      'bad_request',
      `Transfer-Encoding is ${JSON.stringify(encoding)}: expected chunked, or none`,
    );
  }
}

function expressRoutes(context: HttpContext, bodies: BodyReader): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.use(nodeRoutes(context, bodies));
  app.use('/-', (req) => {
    exchangeOf(req).exchange.route = 'unknown';
    if (req.method === 'POST') throw reservedName(req.originalUrl);
    throw new HttpProblem('no_such_resource', 'this node has nothing at this path');
  });
  app.use((req) => {
    throw new HttpProblem('no_such_resource', `this node has nothing at ${req.path}`);
  });
  const onError: ErrorRequestHandler = (error: unknown, req, _res, _next) => {
    fail(context, exchangeOf(req).exchange, error);
  };
  app.use(onError);
  return app;
}

/** Who posts to what is not there means to publish. */
function reservedName(url: string): NameError {
  const [path] = url.split('?', 1);
  return new NameError(
    `${JSON.stringify(path)} is the node's own, nothing can be published to it`,
    'a name whose segments are not "-"',
  );
}

function fail(context: HttpContext, exchange: Exchange, error: unknown): void {
  if (error instanceof ClientGone || exchange.res.destroyed) {
    exchange.res.destroy();
    return;
  }
  sendError(context, exchange, error);
}

/** Connections fall idle one by one as their last answer is complete; Node closes those only that are idle when asked. */
async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_EVERY_MS);
  const grace = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(grace);
}
