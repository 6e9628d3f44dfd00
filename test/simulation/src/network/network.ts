import type { SeededRandom } from '@message-vault/runtime/testing';
import type { SimProcess } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { Exchange, Lane, type NetRequest, type NetResponse } from './exchange.ts';

/** Who answers requests: a program on a host that may be down, frozen or another life by the time one arrives. */
export interface Server {
  readonly host: string;
  readonly process: SimProcess | undefined;
  serve(request: NetRequest, signal: AbortSignal): Promise<NetResponse>;
}

export interface SendOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly lane?: string | undefined;
}

type Fate = 'none' | 'loseRequest' | 'loseAnswer' | 'breakBefore' | 'breakAfter' | 'late' | 'again';
const FATES: readonly Exclude<Fate, 'none'>[] = [
  'loseRequest',
  'loseAnswer',
  'breakBefore',
  'breakAfter',
  'late',
  'again',
];
const CONNECT_TIMEOUT_MS = 1000;
const MAX_LATE_MS = 20_000;

/** Requests between processes, as over HTTP on kept connections: silence, resets, and requests that arrive late or twice. */
export class Network {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #servers = new Map<string, Server>();
  readonly #lanes = new Map<string, Lane>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.chance('network');
  }

  listen(url: string, server: Server): void {
    this.#servers.set(url, server);
  }

  /** Rejects with NetError only. Nothing comes back to a process that has died. */
  send(from: SimProcess, url: string, request: NetRequest, options: SendOptions): Promise<NetResponse> {
    const server = this.#servers.get(url);
    const life = server?.process?.id ?? '-';
    const lane = this.#laneOf(options.lane === undefined ? undefined : `${from.id} ${life} ${options.lane}`);
    const exchange = new Exchange(from, request, lane);
    if (!from.isAlive) return exchange.answer;
    if (options.signal?.aborted) exchange.fail('aborted', false);
    else if (server === undefined) exchange.fail('unreachable', false);
    else this.#begin(exchange, server, options);
    return exchange.answer;
  }

  #begin(exchange: Exchange, server: Server, { timeoutMs, signal }: SendOptions): void {
    const { from } = exchange;
    const timer = from.setTimer(timeoutMs, () => exchange.breakLane('timeout'));
    const onAbort = (): void => exchange.breakLane('aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
    exchange.whenDone(() => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    });
    exchange.answer.catch(() => this.#hangUp(exchange, server));
    const connecting = exchange.lane.open.size === 1 && this.#world.wires.isCut(from.host.name, server.host);
    if (connecting) {
      const wait = from.setTimer(CONNECT_TIMEOUT_MS, () => exchange.fail('unreachable', false));
      exchange.whenDone(() => wait.cancel());
      return;
    }
    this.#depart(exchange, server);
  }

  /** The other side hears, some time later, that nobody waits for the answer any more. */
  #hangUp(exchange: Exchange, server: Server): void {
    const told = (): void => exchange.gone.abort(new Error('the client has gone'));
    const { host } = exchange.from;
    this.#world.wires.carry(host.name, server.host, 0.5, { deliver: told, broken: told });
  }

  #depart(exchange: Exchange, server: Server): void {
    if (server.process === undefined) {
      this.#back(exchange, server, () => exchange.fail('unreachable', false));
      return;
    }
    const fate = this.#fate(exchange.from.host.name, server.host);
    if (fate !== 'none') this.#world.note(exchange.from.id, `${title(exchange)} to ${server.host}: ${fate}`);
    if (fate === 'loseRequest') return;
    if (fate === 'breakBefore') {
      exchange.from.setTimer(this.#latency(exchange, server), () => exchange.breakLane('lost'));
      return;
    }
    if (fate === 'late') {
      exchange.from.setTimer(this.#latency(exchange, server), () => exchange.breakLane('lost'));
      this.#arriveLate(exchange, server);
      return;
    }
    if (fate === 'again') this.#arriveLate(exchange, server);
    this.#travel(exchange, server, fate);
  }

  #travel(exchange: Exchange, server: Server, fate: Fate): void {
    const { lane, from } = exchange;
    const now = this.#world.nowMs;
    const at = Math.max(lane.lastArrivalMs, now + this.#latency(exchange, server));
    lane.lastArrivalMs = at;
    const broken = (): void => from.deliver(() => exchange.breakLane('lost'));
    const life = server.process?.id;
    const deliver = (): void => this.#arrive(exchange, server, { fate, life });
    this.#world.wires.carry(from.host.name, server.host, at - now, { deliver, broken });
  }

  #arrive(
    exchange: Exchange,
    server: Server,
    { fate, life }: { fate: Fate; life: string | undefined },
  ): void {
    const { process } = server;
    if (process === undefined || process.id !== life) {
      this.#back(exchange, server, () => exchange.breakLane('lost'));
      return;
    }
    const forget = process.onDeath(() => this.#back(exchange, server, () => exchange.breakLane('lost')));
    exchange.whenDone(forget);
    process.deliver(() => {
      const turn = exchange.lane.answered;
      const answering = server.serve(exchange.request, exchange.gone.signal);
      exchange.lane.answered = Promise.all([turn, answering]).then(([, response]) => {
        if (process.isAlive) this.#reply(exchange, server, fate, response);
      });
    });
  }

  #reply(exchange: Exchange, server: Server, fate: Fate, response: NetResponse): void {
    exchange.refused = response.status >= 400;
    if (fate === 'loseAnswer') return;
    const isLie = exchange.refused && exchange.copied;
    this.#back(exchange, server, () => {
      if (fate === 'breakAfter' || isLie) exchange.breakLane('lost');
      else exchange.succeed(response);
    });
  }

  #back(exchange: Exchange, server: Server, happen: () => void): void {
    const { from } = exchange;
    const deliver = (): void => from.deliver(happen);
    const broken = (): void => from.deliver(() => exchange.breakLane('lost'));
    const latencyMs = this.#latency(exchange, server);
    this.#world.wires.carry(server.host, from.host.name, latencyMs, { deliver, broken });
  }

  /**
   * Nobody waits for this answer. What repeats requests on the way (a proxy, a client's library) does so when it had no
   * answer; a copy of one that was refused would make a lie of every refusal. So none arrives after a refusal, and a
   * refusal after one does not get through.
   */
  #arriveLate(exchange: Exchange, server: Server): void {
    const { request } = exchange;
    exchange.repeated = true;
    const neverGone = new AbortController().signal;
    this.#world.later(this.#random, MAX_LATE_MS, () => {
      const { process } = server;
      process?.deliver(() => {
        if (exchange.refused) return;
        exchange.copied = true;
        this.#world.note(process.id, `${title(exchange)} arrives late`);
        void server.serve(request, neverGone);
      });
    });
  }

  #fate(from: string, to: string): Fate {
    for (const host of [from, to]) {
      const weather = this.#world.skies.networkAt(host);
      let draw = this.#random.next();
      for (const fate of FATES) {
        draw -= weather[fate];
        if (draw < 0) return fate;
      }
    }
    return 'none';
  }

  #latency({ from }: Exchange, server: Server): number {
    const sky = this.#world.skies;
    const [one, other] = [sky.networkAt(from.host.name), sky.networkAt(server.host)];
    const weather = one.spike > other.spike ? one : other;
    const [least, most] = weather.latencyMs;
    const spike = this.#random.chance(weather.spike) ? this.#random.next() * weather.spikeMs : 0;
    return least + this.#random.next() * (most - least) + spike;
  }

  #laneOf(key: string | undefined): Lane {
    if (key === undefined) return new Lane();
    const known = this.#lanes.get(key);
    if (known !== undefined && !known.isBroken) return known;
    const lane = new Lane();
    this.#lanes.set(key, lane);
    return lane;
  }
}

function title({ request }: Exchange): string {
  return `${request.method} ${request.path}`;
}
