import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { NameDocument } from '@message-vault/metadata';
import { type WebSocket, WebSocketServer } from 'ws';
import { sendError } from '../answer.ts';
import { accessOf, authorize, type Exchange, type HttpContext, openExchange } from '../exchange.ts';
import { routerSocketService } from '../listener/router-socket.ts';
import { checkTransport } from '../names/protection.ts';
import { HttpProblem } from '../problems.ts';
import { listenService } from '../relay/listen-service.ts';
import { type NameTarget, parseTarget } from '../target.ts';
import { checkHandshake, checkOrigin, checkProtocol } from './handshake.ts';
import { passOn } from './pass-on.ts';
import type { PreparedSocket, SocketService } from './service.ts';
import { VaultSocket } from './vault-socket.ts';

/** A service together with the name it is asked of. */
interface Offer {
  readonly service: Pick<
    SocketService<NameDocument>,
    'action' | 'route' | 'subprotocol' | 'subprotocolRequired' | 'maxMessageBytes'
  >;
  readonly document: NameDocument;
  prepare(): PreparedSocket | Promise<PreparedSocket>;
}

/** All WebSockets of a node: their handshakes, their number, their end. */
export class Upgrades {
  readonly #context: HttpContext;
  /** With what resolves when it is closed. */
  readonly #sockets = new Map<VaultSocket, PromiseWithResolvers<void>>();
  /** By route. */
  readonly #servers = new Map<string, WebSocketServer>();
  readonly #clock: NodeJS.Timeout;
  #handshakes = 0;

  constructor(context: HttpContext, server: Server) {
    this.#context = context;
    const { heartbeatMs } = context.options.limits.webSocket;
    this.#clock = setInterval(() => {
      for (const socket of this.#sockets.keys()) socket.tick(heartbeatMs);
    }, heartbeatMs);
    this.#clock.unref();
    server.on('upgrade', (req, socket, head) => void this.#upgrade(req, socket, head));
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Lets those who are connected finish for up to `graceMs`, then cuts them off. Handshakes are refused by now. */
  async close(graceMs: number): Promise<void> {
    clearInterval(this.#clock);
    const cut = setTimeout(() => {
      for (const socket of this.#sockets.keys()) socket.terminate();
    }, graceMs);
    const closed = [...this.#sockets.values()].map(({ promise }) => promise);
    for (const socket of [...this.#sockets.keys()]) socket.goAway();
    await Promise.all(closed);
    clearTimeout(cut);
  }

  async #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Until somebody takes the connection over, what goes wrong with it is seen where it is written to.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const res = new ServerResponse(req);
    try {
      res.assignSocket(req.socket);
    } catch {
      // An answer to an earlier request is still under way on this connection.
      socket.destroy();
      return;
    }
    res.shouldKeepAlive = false;
    res.once('finish', () => socket.end());
    const exchange = openExchange(this.#context, req, res);
    exchange.longLived = true;
    this.#handshakes += 1;
    try {
      await this.#shakeHands(exchange, socket, head);
    } catch (error) {
      sendError(this.#context, exchange, error);
    } finally {
      this.#handshakes -= 1;
    }
  }

  async #shakeHands(exchange: Exchange, socket: Duplex, head: Buffer): Promise<void> {
    const context = this.#context;
    const { req } = exchange;
    exchange.route = 'web_socket';
    if (context.closing.begun) throw new HttpProblem('not_ready', 'this node stops');
    if (req.headers.host === undefined) throw new HttpProblem('bad_request', 'HTTP/1.1 wants a Host header');
    checkHandshake(req);
    checkOrigin(req);
    this.#checkRoom();
    const target = parseTarget(req.url ?? '/');
    if (target.kind === 'node')
      throw new HttpProblem('no_such_resource', 'this node has no WebSocket at this path');
    const offer = await this.#offer(exchange, target);
    const { service, document } = offer;
    exchange.route = service.route;
    checkTransport(context, exchange, document.policy);
    await authorize(context, exchange, {
      action: service.action,
      name: target.name,
      ...accessOf(document),
    });
    checkProtocol(req, service.subprotocol, service.subprotocolRequired);
    const accept = (): VaultSocket | undefined => this.#accept(exchange, socket, head, offer);
    if (!context.ports.status().takesWrites) return await passOn(context, exchange, target, accept);
    const prepared = await offer.prepare();
    const accepted = accept();
    if (accepted === undefined) prepared.abandon();
    else prepared.serve(accepted);
  }

  #checkRoom(): void {
    const { maxConnections } = this.#context.options.limits.webSocket;
    if (this.#sockets.size + this.#handshakes <= maxConnections) return;
    throw new HttpProblem('busy', `this node has ${maxConnections} WebSockets already`, { retryAfter: 5 });
  }

  async #offer(exchange: Exchange, target: NameTarget): Promise<Offer> {
    const { ports } = this.#context;
    const document = await ports.lookup(target.name);
    if (document === undefined) throw new HttpProblem('no_such_name', `${target.name} has no role`);
    const { name, role } = document;
    const request = { context: this.#context, exchange, target };
    if (role === 'connection-point' && target.subordinate === 'listen')
      return offerOf(listenService, { ...request, document });
    if (role === 'router' && target.subordinate === '')
      return offerOf(routerSocketService, { ...request, document });
    if (role === 'connection-point')
      throw new HttpProblem(
        'not_possible',
        `WebSockets are not relayed; listeners of ${name} connect to /${name}/-/listen`,
      );
    throw new HttpProblem('wrong_role', `${name} is a ${role}, which has no WebSocket there`);
  }

  /** Undefined when the client has gone meanwhile. */
  #accept(exchange: Exchange, socket: Duplex, head: Buffer, { service }: Offer): VaultSocket | undefined {
    const { req, res } = exchange;
    if (socket.destroyed || !socket.writable) return undefined;
    res.detachSocket(req.socket);
    const server = this.#server(service);
    let accepted: VaultSocket | undefined;
    server.handleUpgrade(req, socket, head, (ws) => {
      accepted = this.#take(ws, service.route);
    });
    return accepted;
  }

  #take(ws: WebSocket, route: string): VaultSocket {
    const { metrics, limits } = this.#context.options;
    const socket = new VaultSocket(ws, limits.webSocket);
    const closed = Promise.withResolvers<void>();
    this.#sockets.set(socket, closed);
    metrics.webSockets.inc({ route });
    ws.once('close', () => {
      this.#sockets.delete(socket);
      metrics.webSockets.dec({ route });
      closed.resolve();
    });
    return socket;
  }

  #server({ route, subprotocol, maxMessageBytes }: Offer['service']): WebSocketServer {
    const known = this.#servers.get(route);
    if (known !== undefined) return known;
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      handleProtocols: () => subprotocol,
    });
    this.#servers.set(route, server);
    return server;
  }
}

function offerOf<D extends NameDocument>(
  service: SocketService<D>,
  request: Parameters<SocketService<D>['prepare']>[0],
): Offer {
  return {
    service,
    document: request.document,
    prepare: () => service.prepare(request),
  };
}
