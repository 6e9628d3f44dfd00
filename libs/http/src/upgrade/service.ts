import type { NameDocument } from '@message-vault/metadata';
import type { Exchange, HttpContext } from '../exchange.ts';
import type { AccessQuestion } from '../options.ts';
import type { NameTarget } from '../target.ts';
import type { VaultSocket } from './vault-socket.ts';

/** A handshake for a name whose role is known. */
export interface SocketRequest<D extends NameDocument = NameDocument> {
  readonly context: HttpContext;
  readonly exchange: Exchange;
  readonly target: NameTarget;
  readonly document: D;
}

/** What a name of some role offers by WebSocket. Served by the leader; other nodes pass it on. */
export interface SocketService<D extends NameDocument> {
  /** What it needs to be allowed. */
  readonly action: AccessQuestion['action'];
  /** For metrics. */
  readonly route: string;
  readonly subprotocol: string;
  /** Whether clients have to name the subprotocol. */
  readonly subprotocolRequired: boolean;
  /** Largest message a client may send; above it the connection is closed with 1009. */
  readonly maxMessageBytes: number;
  /** Called before the handshake is answered, on the leader. Throws what it is to be refused with. */
  prepare(request: SocketRequest<D>): PreparedSocket | Promise<PreparedSocket>;
}

/** Whoever waits for a connection that is about to be there. One of its methods is called, once. */
export interface PreparedSocket {
  /** `socket.use` has to be called before this returns. */
  serve(socket: VaultSocket): void;
  /** The client has gone meanwhile. */
  abandon(): void;
}
