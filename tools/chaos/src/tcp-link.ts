import { createServer, type Server, type Socket } from 'node:net';
import { ChaosError } from './errors.ts';
import type { Pacing } from './lane.ts';
import type { Mode } from './modes.ts';
import { type Address, Relay } from './relay.ts';

/** Connections at once; a new one beyond that is reset. */
const MAX_CONNECTIONS = 10_000;
const ANY_LENGTH = Number.MAX_SAFE_INTEGER;
/** A slow link lets out about twenty pieces a second. */
const PIECES_PER_SECOND = 20;

export interface TcpStats {
  connectionsOpen: number;
  connectionsTotal: number;
  /** From clients to the target. */
  bytesUp: number;
  bytesDown: number;
}

/** A listening port whose connections go on to a target, as well as the mode lets them. Knows nothing of HTTP. */
export class TcpLink {
  readonly #target: Address;
  readonly #random: () => number;
  readonly #relays = new Set<Relay>();
  readonly #stats = { connectionsTotal: 0, bytesUp: 0, bytesDown: 0 };
  readonly #pacing: { up: Pacing; down: Pacing };
  #mode: Mode = { mode: 'pass' };
  #server: Server | undefined;
  #address: Address;

  constructor(listen: Address, target: Address, random: () => number) {
    this.#address = listen;
    this.#target = target;
    this.#random = random;
    this.#pacing = {
      up: this.#newPacing((bytes) => {
        this.#stats.bytesUp += bytes;
      }),
      down: this.#newPacing((bytes) => {
        this.#stats.bytesDown += bytes;
      }),
    };
  }

  /** Where it listens: the port that was picked, when 0 was asked for. */
  get address(): Address {
    return this.#address;
  }

  get stats(): TcpStats {
    return { ...this.#stats, connectionsOpen: this.#relays.size };
  }

  /** Throws ChaosError `port_taken`. */
  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const where = `${this.#address.host}:${this.#address.port}`;
        reject(new ChaosError('port_taken', `cannot listen on ${where}: ${cause.message}`, { cause }));
      });
      server.listen({ ...this.#address, exclusive: true }, resolve);
    });
    const bound = server.address();
    if (typeof bound === 'object' && bound !== null) this.#address = { ...this.#address, port: bound.port };
    this.#server = server;
  }

  /** Throws ChaosError `port_taken` when it listened nowhere and somebody took the port meanwhile. */
  async setMode(mode: Mode): Promise<void> {
    const before = this.#mode;
    this.#mode = mode;
    const heals = before.mode === 'half-open' && mode.mode !== 'half-open';
    if (mode.mode === 'cut' || mode.mode === 'refuse' || (heals && before.onHeal === 'reset'))
      this.#resetAll();
    if (mode.mode === 'refuse') await this.#stopListening();
    else if (!this.#server) await this.listen();
    for (const relay of this.#relays) relay.wake();
  }

  async close(): Promise<void> {
    this.#resetAll();
    await this.#stopListening();
  }

  #accept(client: Socket): void {
    if (this.#mode.mode === 'cut' || this.#mode.mode === 'refuse' || this.#relays.size >= MAX_CONNECTIONS) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    this.#stats.connectionsTotal += 1;
    const relay: Relay = new Relay(client, this.#target, this.#pacing, () => this.#relays.delete(relay));
    this.#relays.add(relay);
  }

  #resetAll(): void {
    for (const relay of [...this.#relays]) relay.reset();
  }

  async #stopListening(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      if (server) server.close(() => resolve());
      else resolve();
    });
  }

  /** The pacing of one direction, for all connections together. */
  #newPacing(passed: (bytes: number) => void): Pacing {
    const mode = (): Mode => this.#mode;
    const random = this.#random;
    let lineFreeAt = 0;
    return {
      get held() {
        return mode().mode === 'half-open';
      },
      get pieceBytes() {
        const now = mode();
        return now.mode === 'throttle'
          ? Math.max(1, Math.floor(now.bytesPerSecond / PIECES_PER_SECOND))
          : ANY_LENGTH;
      },
      luck: () => (mode().mode === 'delay' ? random() : 0),
      waitMs(arrivedAt, luck) {
        const now = mode();
        if (now.mode === 'delay') return arrivedAt + now.delayMs + luck * now.jitterMs - performance.now();
        return now.mode === 'throttle' ? lineFreeAt - performance.now() : 0;
      },
      passed(bytes) {
        const now = mode();
        if (now.mode === 'throttle') {
          lineFreeAt = Math.max(lineFreeAt, performance.now()) + (bytes * 1000) / now.bytesPerSecond;
        }
        passed(bytes);
      },
    };
  }
}
