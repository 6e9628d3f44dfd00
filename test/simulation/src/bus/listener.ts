import type { Attachment, RouterListener } from '@message-vault/bus';
import { isRouterError } from '@message-vault/bus';
import { hashOf } from '@message-vault/checkers';
import { isLogError, type ReadMessage } from '@message-vault/log';
import { randomUuid } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import type { SimNode } from '../node/node.ts';
import { type Named, nameIn } from '../workload/messages.ts';
import type { SimProcess } from '../world/process.ts';
import { onlyRandomness } from '../world/world.ts';
import { type BusSurroundings, Program, pause } from './program.ts';
import type { ListenerSetup } from './setup.ts';

const LATENCY_MS = 2;
const RETRY_MS = 100;

/** One connection to one life of one node: breaks with either end, or when a wire between them is cut. */
class Connection {
  readonly client: SimProcess;
  readonly server: SimProcess;
  readonly #world: BusSurroundings['world'];
  readonly #broken: () => void;
  isOpen = true;

  constructor(ends: { client: SimProcess; server: SimProcess }, broken: () => void) {
    this.client = ends.client;
    this.server = ends.server;
    this.#world = ends.client.world;
    this.#broken = broken;
    for (const end of [this.client, this.server]) end.onDeath(() => this.break());
  }

  toServer(happen: () => void): void {
    this.#carry(this.client, this.server, happen);
  }

  toClient(happen: () => void): void {
    this.#carry(this.server, this.client, happen);
  }

  break(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#broken();
  }

  #carry(from: SimProcess, to: SimProcess, happen: () => void): void {
    if (!this.isOpen) return;
    const { wires } = this.#world;
    // Nothing waits at a cut: the connection is given up, by both ends.
    if (wires.isCut(from.host.name, to.host.name)) {
      this.break();
      return;
    }
    const deliver = (): void =>
      to.deliver(() => {
        if (this.isOpen) happen();
      });
    wires.carry(from.host.name, to.host.name, LATENCY_MS, { deliver, broken: () => this.break() });
  }
}

/** A subscriber that stays connected to the leader's router, and comes back as the same one. */
export class Listener extends Program {
  readonly #setup: ListenerSetup;
  readonly #id: string;
  readonly #nodes: readonly SimNode[];
  readonly #filter: string | undefined;
  /** Acknowledged by this listener, and not known to be durable. */
  readonly #hoped = new Map<string, Named>();
  #connected = false;

  constructor(
    setup: ListenerSetup,
    around: BusSurroundings,
    options: { nodes: readonly SimNode[]; filter: string | undefined },
  ) {
    super(setup.name, around);
    this.#setup = setup;
    this.#nodes = options.nodes;
    this.#filter = options.filter;
    this.#id = randomUuid(onlyRandomness(this.random));
  }

  get isConnected(): boolean {
    return this.#connected;
  }

  /** What it has acknowledged without hearing that this is for good. */
  get hoped(): Iterable<Named> {
    return this.#hoped.values();
  }

  protected begin(process: SimProcess): void {
    this.#connected = false;
    void this.#run(process);
  }

  /** Tries one node after the other until one lets it in, stays until that is over, and begins anew. */
  async #run(process: SimProcess): Promise<void> {
    while (!this.stopping && process.isAlive) {
      const node = this.random.pick(this.#nodes);
      const over = await this.#connect(process, node);
      if (over !== undefined) {
        this.#connected = true;
        await over;
        this.#connected = false;
        const { world } = this.around;
        world.note(this.name, 'is disconnected');
        const isCalm = world.nowMs > world.calmAtMs;
        await pause(process, (isCalm ? RETRY_MS : this.#setup.mostAwayMs) * this.random.next());
      } else await pause(process, RETRY_MS);
    }
  }

  /** Resolves with what resolves when the connection is over; undefined when there was none. */
  #connect(process: SimProcess, node: SimNode): Promise<Promise<void> | undefined> {
    const server = node.process;
    const { wires } = this.around.world;
    if (server === undefined || wires.isCut(process.host.name, node.name)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const over = Promise.withResolvers<void>();
      const connection = new Connection({ client: process, server }, () => {
        session.gone();
        process.deliver(() => {
          over.resolve();
          resolve(undefined);
        });
      });
      const { window } = this.#setup;
      const session = new Session(this, { connection, window, id: this.#id, filter: this.#filter });
      connection.toServer(() => {
        void this.#attach(node, session).then((isIn) => {
          if (isIn) connection.toClient(() => resolve(over.promise));
          else connection.toClient(() => connection.break());
        });
      });
    });
  }

  async #attach(node: SimNode, session: Session): Promise<boolean> {
    const { broker } = node;
    const document = await broker?.lookup(this.#setup.router).catch(passing);
    if (broker === undefined || document?.role !== 'router') return false;
    try {
      session.attached(await broker.routers.attach(document, session));
      return true;
    } catch (error) {
      passing(error);
      return false;
    }
  }

  /** At the listener's end. */
  given(connection: Connection, { offset, value }: ReadMessage, acknowledge: () => void): void {
    const named = nameIn(value);
    if (named === undefined) {
      this.around.world.broken('corrupt', `${this.name} was given what nobody published`);
      return;
    }
    this.around.history.add({ kind: 'pushed', subscriber: this.name, ...named, hash: hashOf(value) });
    connection.client.setTimer(this.#setup.mostWorkMs * this.random.next(), () => {
      if (!connection.isOpen) return;
      this.#hoped.set(`${named.producer} ${named.sequence}`, named);
      this.around.world.note(this.name, `acknowledges ${named.producer} #${named.sequence} at ${offset}`);
      connection.toServer(acknowledge);
    });
  }

  /** At the node's end: nobody else will be given the message. */
  durable({ value }: ReadMessage): void {
    const named = nameIn(value);
    if (named === undefined) return;
    this.#hoped.delete(`${named.producer} ${named.sequence}`);
    this.around.history.add({ kind: 'taken', subscriber: this.name, ...named });
  }
}

/** The node's end of a connection. */
class Session implements RouterListener {
  readonly id: string;
  readonly filter: string | undefined;
  readonly #listener: Listener;
  readonly #connection: Connection;
  readonly #window: number;
  readonly #given = new Map<number, ReadMessage>();
  #attachment: Attachment | undefined;
  #open = 0;
  #refused = false;

  constructor(
    listener: Listener,
    options: { connection: Connection; window: number; id: string; filter: string | undefined },
  ) {
    this.#listener = listener;
    this.#connection = options.connection;
    this.#window = options.window;
    this.id = options.id;
    this.filter = options.filter;
  }

  attached(attachment: Attachment): void {
    this.#attachment = attachment;
    if (!this.#connection.isOpen) this.gone();
  }

  offer(message: ReadMessage): 'taken' | 'full' {
    if (this.#open >= this.#window || !this.#connection.isOpen) {
      this.#refused = true;
      return 'full';
    }
    this.#open += 1;
    this.#given.set(message.offset, message);
    this.#connection.toClient(() =>
      this.#listener.given(this.#connection, message, () => this.#acknowledge(message.offset)),
    );
    return 'taken';
  }

  acknowledged(offset: number): void {
    const message = this.#given.get(offset);
    // What a dead process does reaches nobody.
    if (message !== undefined && this.#connection.server.isAlive) this.#listener.durable(message);
  }

  ended(): void {
    this.#attachment = undefined;
    this.#connection.toClient(() => this.#connection.break());
  }

  /** The connection has gone: the node hears of it when it can. */
  gone(): void {
    const attachment = this.#attachment;
    this.#attachment = undefined;
    this.#connection.server.deliver(() => attachment?.detach());
  }

  #acknowledge(offset: number): void {
    this.#open -= 1;
    this.#attachment?.acknowledge(offset);
    if (!this.#refused) return;
    this.#refused = false;
    this.#attachment?.room();
  }
}

/** Undefined for what a node may well refuse or fail at; anything else is a bug. */
function passing(error: unknown): undefined {
  if (isLogError(error) || isStorageError(error) || isRouterError(error)) return undefined;
  throw error;
}
