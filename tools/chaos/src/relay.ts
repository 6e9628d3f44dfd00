import { connect, type Socket } from 'node:net';
import { Lane, type Pacing } from './lane.ts';

export interface Address {
  host: string;
  port: number;
}

/** One connection through a link: a client, the target it wanted, and a lane each way. */
export class Relay {
  readonly #client: Socket;
  readonly #target: Address;
  readonly #up: Lane;
  readonly #pacing: { up: Pacing; down: Pacing };
  readonly #gone: () => void;
  #upstream: Socket | undefined;
  #down: Lane | undefined;
  #finished = false;

  /** `gone` is called once, when nothing of it is left. */
  constructor(client: Socket, target: Address, pacing: { up: Pacing; down: Pacing }, gone: () => void) {
    this.#client = client;
    this.#target = target;
    this.#pacing = pacing;
    this.#gone = gone;
    this.#up = new Lane(client, pacing.up);
    this.#watch(client, () => this.#down);
    this.wake();
  }

  /** Goes on with what the pacing allows now. The target only hears of the connection when something may reach it. */
  wake(): void {
    if (this.#finished) return;
    if (!this.#upstream && !this.#pacing.up.held) this.#connect();
    this.#up.wake();
    this.#down?.wake();
  }

  /** Both sides see the connection reset, at once. */
  reset(): void {
    this.#up.abandon();
    this.#down?.abandon();
    this.#client.resetAndDestroy();
    this.#upstream?.resetAndDestroy();
    this.#finish();
  }

  #connect(): void {
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#upstream = upstream;
    this.#down = new Lane(upstream, this.#pacing.down);
    this.#watch(upstream, () => this.#up);
    // Bytes held for a client that has gone are still delivered; nobody is there for the answer.
    if (this.#client.destroyed) this.#down.abandon();
    else this.#down.attach(this.#client);
    this.#up.attach(upstream);
  }

  /** `towards` is the lane that ends at this socket: nothing comes out of it any more once the socket is closed. */
  #watch(socket: Socket, towards: () => Lane | undefined): void {
    // What went wrong is told by 'close', which always follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      towards()?.abandon();
      if (this.#client.destroyed && this.#upstream?.destroyed) this.#finish();
      else this.wake();
    });
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#gone();
  }
}
