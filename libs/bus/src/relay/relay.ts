import type { Runtime, Timer } from '@message-vault/runtime';
import { Refused } from './call.ts';
import { RelayError } from './errors.ts';
import { ListenerSession } from './listener-session.ts';
import type { AttachedListener, ListenerLink, RelayAnswer, RelayRequest, RelaySettings } from './types.ts';

const MOVED = 'this node does not lead any more: connect again, to any node';

/**
 * Where requests to connection points meet those who serve them. It is on the leader only, and in memory only: whoever
 * is connected is connected to the leader, through whichever node.
 */
export class Relay {
  readonly #runtime: Runtime;
  readonly #settings: RelaySettings;
  /** By name; those that have waited longest for a request come first. */
  readonly #listeners = new Map<string, ListenerSession[]>();
  readonly #waiting = new Set<() => void>();
  #openedAt: number | undefined;
  #draining: Timer | undefined;
  #requests = 0;

  constructor(options: { runtime: Runtime; settings: RelaySettings }) {
    this.#runtime = options.runtime;
    this.#settings = options.settings;
  }

  /** The node leads from now on. */
  open(): void {
    this.#openedAt ??= this.#runtime.monotonic();
  }

  /** The node leads no more: nothing new is taken, what is under way may finish for a while. */
  close(): void {
    if (this.#openedAt === undefined) return;
    this.#openedAt = undefined;
    this.#wake();
    const sessions = this.#sessions();
    for (const session of sessions) session.drain('not_leader', MOVED);
    this.#draining?.cancel();
    this.#draining = this.#runtime.setTimer(this.#settings.drainMs, () => {
      for (const session of sessions) session.close('not_leader', MOVED);
    });
  }

  get isOpen(): boolean {
    return this.#openedAt !== undefined;
  }

  /** Listeners of one name, or of all. */
  listeners(name?: string): number {
    return name === undefined ? this.#sessions().length : (this.#listeners.get(name)?.length ?? 0);
  }

  /** Requests under way, those that wait for a listener included. */
  get requests(): number {
    return this.#requests;
  }

  /** Throws RelayError `not_leader`, `too_many_listeners` when there is no room for one more. */
  checkRoom(name: string): void {
    const { maxListeners, maxListenersPerName } = this.#settings;
    if (!this.isOpen) throw new RelayError('not_leader', 'this node does not lead');
    if (this.listeners(name) >= maxListenersPerName)
      throw new RelayError('too_many_listeners', `${maxListenersPerName} listeners serve ${name} already`);
    if (this.listeners() >= maxListeners)
      throw new RelayError('too_many_listeners', `this node has ${maxListeners} listeners already`);
  }

  /** A listener has connected. Throws as `checkRoom`. */
  attach(name: string, link: ListenerLink): AttachedListener {
    this.checkRoom(name);
    const { answerTimeoutMs } = this.#settings;
    const session: ListenerSession = new ListenerSession({
      link,
      runtime: this.#runtime,
      answerTimeoutMs,
      onChange: () => this.#wake(),
      onDetached: () => this.#remove(name, session),
    });
    this.#listeners.set(name, [session, ...(this.#listeners.get(name) ?? [])]);
    this.#wake();
    return session;
  }

  /** Errors: RelayError; whatever reading the request's body throws. Counts until its answer is released. */
  async request(name: string, request: RelayRequest): Promise<RelayAnswer> {
    const { maxRequests } = this.#settings;
    if (this.#requests >= maxRequests)
      throw new RelayError('busy', `this node has ${maxRequests} requests to relay under way`);
    this.#requests += 1;
    let open = true;
    const over = (): void => {
      if (open) this.#requests -= 1;
      open = false;
    };
    try {
      const answer = await this.#relay(name, request);
      const release = (): void => {
        answer.release();
        over();
      };
      return { ...answer, release };
    } catch (error) {
      over();
      throw error;
    }
  }

  async #relay(name: string, request: RelayRequest): Promise<RelayAnswer> {
    const refused = new Set<ListenerSession>();
    for (;;) {
      const session = this.#pick(name, refused);
      if (session === undefined) {
        await this.#settled(name, request.signal);
        continue;
      }
      try {
        return await session.request(request);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refused.add(session);
      }
    }
  }

  /** Whoever has least under way; of those, whoever has waited longest. Throws RelayError `busy`. */
  #pick(name: string, refused: ReadonlySet<ListenerSession>): ListenerSession | undefined {
    const sessions = this.#listeners.get(name) ?? [];
    const taking = sessions.filter((session) => session.takesRequests);
    let best: ListenerSession | undefined;
    for (const session of taking) {
      const full = refused.has(session) || session.inFlight >= this.#settings.maxRequestsPerListener;
      if (!full && session.inFlight < (best?.inFlight ?? Number.POSITIVE_INFINITY)) best = session;
    }
    if (best === undefined && taking.length > 0)
      throw new RelayError(
        'busy',
        `all ${taking.length} listeners of ${name} have as much to do as they take`,
      );
    if (best !== undefined) {
      sessions.splice(sessions.indexOf(best), 1);
      sessions.push(best);
    }
    return best;
  }

  /** Waits for listeners to change, as long as they may be on their way back to a new leader. Throws RelayError. */
  async #settled(name: string, signal: AbortSignal): Promise<void> {
    if (this.#openedAt === undefined) throw new RelayError('not_leader', 'this node does not lead');
    const leftMs = this.#openedAt + this.#settings.settleMs - this.#runtime.monotonic();
    if (leftMs <= 0) throw new RelayError('no_listener', `nobody serves ${name} at the moment`);
    const news = Promise.withResolvers<void>();
    const timer = this.#runtime.setTimer(leftMs, news.resolve);
    const gone = (): void => news.reject(new RelayError('client_gone', 'nobody waits for the answer'));
    signal.addEventListener('abort', gone, { once: true });
    this.#waiting.add(news.resolve);
    try {
      await news.promise;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', gone);
      this.#waiting.delete(news.resolve);
    }
  }

  #remove(name: string, session: ListenerSession): void {
    const left = (this.#listeners.get(name) ?? []).filter((other) => other !== session);
    if (left.length === 0) this.#listeners.delete(name);
    else this.#listeners.set(name, left);
  }

  #sessions(): ListenerSession[] {
    return [...this.#listeners.values()].flat();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
