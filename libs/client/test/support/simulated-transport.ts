import type { VirtualRuntime } from '@message-vault/runtime/testing';
import {
  type Transport,
  TransportError,
  type TransportErrorCode,
  type TransportRequest,
  type TransportResponse,
} from '../../src/transport.ts';
import type { ModelCluster } from './model-cluster.ts';

/** What the network does to one request. */
export type Fault =
  | 'none'
  /** No connection at all. */
  | 'refuse'
  /** It leaves, and never arrives. */
  | 'lose-request'
  /** It is acted upon, and the answer never comes back. */
  | 'lose-answer'
  /** The answer never comes, and the request is acted upon much later. */
  | 'arrive-late';

export interface Link {
  /** One way, milliseconds. */
  latencyMs: () => number;
  fault: (request: TransportRequest) => Fault;
}

/** A network in virtual time in front of a ModelCluster. Lanes are connections: ordered, and broken as a whole. */
export class SimulatedTransport implements Transport {
  readonly #runtime: VirtualRuntime;
  readonly #cluster: ModelCluster;
  readonly #link: Link;
  readonly #lanes = new Map<string, SimulatedLane>();
  /** Requests sent so far. */
  sent = 0;
  /** Publish requests waiting for their answer now, and the most there ever were. */
  outstanding = 0;
  mostOutstanding = 0;

  constructor(runtime: VirtualRuntime, cluster: ModelCluster, link: Partial<Link> = {}) {
    this.#runtime = runtime;
    this.#cluster = cluster;
    this.#link = { latencyMs: () => 1, fault: () => 'none', ...link };
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    this.sent += 1;
    const counts = request.method === 'POST' ? 1 : 0;
    this.outstanding += counts;
    this.mostOutstanding = Math.max(this.mostOutstanding, this.outstanding);
    try {
      return await this.#exchange(new SimulatedExchange(request, this.#lane(request)));
    } finally {
      this.outstanding -= counts;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #exchange(exchange: SimulatedExchange): Promise<TransportResponse> {
    const { request } = exchange;
    const fault = this.#link.fault(request);
    if (request.signal?.aborted) exchange.fail('aborted', false);
    else if (!this.#cluster.node(request.url).up || fault === 'refuse') {
      this.#later(this.#link.latencyMs(), () => exchange.fail('unreachable', false));
    } else {
      request.signal?.addEventListener('abort', () => exchange.fail('aborted'), { once: true });
      this.#later(request.stallTimeoutMs, () => exchange.breakLane('timeout'));
      this.#travel(exchange, fault);
    }
    return exchange.answer;
  }

  #travel(exchange: SimulatedExchange, fault: Fault): void {
    const { request, lane } = exchange;
    if (fault === 'lose-request') return;
    if (fault === 'arrive-late') {
      this.#later(
        2000 + 5000 * this.#runtime.random(),
        () => void this.#cluster.handle(request.url, request),
      );
      return;
    }
    const now = this.#runtime.monotonic();
    const at = Math.max(lane.lastArrival, now + this.#link.latencyMs());
    lane.lastArrival = at;
    this.#later(at - now, () => this.#arrive(exchange, fault));
  }

  #arrive(exchange: SimulatedExchange, fault: Fault): void {
    const { request } = exchange;
    const node = this.#cluster.node(request.url);
    if (!node.up) exchange.breakLane('lost');
    else if (node.frozen) this.#later(50, () => this.#arrive(exchange, fault));
    else {
      void this.#cluster.handle(request.url, request).then((response) => {
        this.#later(this.#link.latencyMs(), () => {
          if (!node.up) exchange.breakLane('lost');
          else if (fault !== 'lose-answer') exchange.succeed(response);
        });
      });
    }
  }

  #later(delayMs: number, action: () => void): void {
    this.#runtime.setTimer(delayMs, action);
  }

  #lane(request: TransportRequest): SimulatedLane {
    if (request.lane === undefined) return new SimulatedLane();
    const key = `${request.url} ${request.lane}`;
    const found = this.#lanes.get(key) ?? new SimulatedLane();
    this.#lanes.set(key, found);
    return found;
  }
}

class SimulatedLane {
  lastArrival = 0;
  readonly open = new Set<SimulatedExchange>();
}

class SimulatedExchange {
  readonly request: TransportRequest;
  readonly lane: SimulatedLane;
  readonly answer: Promise<TransportResponse>;
  #resolve: (response: TransportResponse) => void = () => {};
  #reject: (error: TransportError) => void = () => {};

  constructor(request: TransportRequest, lane: SimulatedLane) {
    this.request = request;
    this.lane = lane;
    lane.open.add(this);
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  succeed(response: TransportResponse): void {
    if (this.lane.open.delete(this)) this.#resolve(response);
  }

  fail(code: TransportErrorCode, sent = true): void {
    if (!this.lane.open.delete(this)) return;
    const { method, url, path } = this.request;
    this.#reject(new TransportError(code, `${method} ${url}${path}: ${code}`, { sent }));
  }

  /** One connection: when it breaks, everything on it does. */
  breakLane(code: TransportErrorCode): void {
    if (!this.lane.open.has(this)) return;
    this.fail(code);
    for (const other of [...this.lane.open]) other.fail('lost');
  }
}
