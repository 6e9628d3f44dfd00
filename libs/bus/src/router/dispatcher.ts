import { isLogError, type Tail } from '@message-vault/log';
import { intakeOf, type NameDocument, type RouterDocument } from '@message-vault/metadata';
import { messageOf, randomUuid, sleep } from '@message-vault/runtime';
import { isStorageError } from '@message-vault/storage';
import { parseFilter } from '../filter/filter.ts';
import { newWebhookSecret } from '../webhook/signature.ts';
import { Alarms } from './alarms.ts';
import { backOffMs } from './back-off.ts';
import { ClaimedDocument } from './claimed-document.ts';
import { cursorsCodec, cursorsPath } from './cursors-document.ts';
import { reaches } from './cycles.ts';
import { RouterError } from './errors.ts';
import { idleStats } from './idle-stats.ts';
import { knownRouters } from './known-routers.ts';
import type { DispatcherPorts } from './ports.ts';
import { RecentChunks } from './recent-chunks.ts';
import type { RouterStats, SubscriptionRequest, SubscriptionView } from './requests.ts';
import { RouterWork } from './router-work.ts';
import { SendBudget } from './send-budget.ts';
import { type DispatcherSettings, defaultDispatcherSettings } from './settings.ts';
import { type Subscription, stateCodec, statePath } from './state-document.ts';
import { identityOf } from './targets.ts';

export interface DispatcherOptions {
  readonly ports: DispatcherPorts;
  readonly settings?: Partial<DispatcherSettings> | undefined;
}

/**
 * Hands on what flows into the routers, for one term of leadership: begun when the term begins, ended before it ends.
 * Routers are looked for at the start; those without subscribers cost nothing.
 */
export class Dispatcher {
  readonly #ports: DispatcherPorts;
  readonly #settings: DispatcherSettings;
  readonly #alarms: Alarms;
  readonly #budget: SendBudget;
  readonly #recent: RecentChunks;
  readonly #ending = new AbortController();
  readonly #works = new Map<string, Promise<RouterWork>>();
  readonly #byStream = new Map<string, RouterWork>();
  readonly #found: Promise<void>;
  /** Subscriptions to routers are made one after the other: of two that close a cycle the second one sees the first. */
  #subscribing: Promise<unknown> = Promise.resolve();

  constructor({ ports, settings }: DispatcherOptions) {
    this.#ports = ports;
    this.#settings = { ...defaultDispatcherSettings, ...settings };
    this.#alarms = new Alarms(ports.runtime);
    this.#budget = new SendBudget(this.#settings.maxBytesInFlight);
    this.#recent = new RecentChunks(this.#settings.maxRecentBytes);
    this.#found = this.#find();
    // Whoever waits for it hears of it; nobody may.
    this.#found.catch(() => {});
  }

  /** Resolves once every router with subscribers is at work. Rejects when the term ends before. */
  ready(): Promise<void> {
    return this.#found;
  }

  /** The stream has grown to `tail`. */
  grown(streamId: string, tail: Tail): void {
    this.#byStream.get(streamId)?.grown(tail);
  }

  /** Throws RouterError `buffer_full`. */
  admit(document: RouterDocument): void {
    this.#byStream.get(document.streamId)?.admit();
  }

  /** The work for a router, begun if need be. Errors: RouterError, LogError, StorageError. */
  async work(document: RouterDocument): Promise<RouterWork> {
    if (this.#ending.signal.aborted) throw notLeading();
    const { routerId } = document;
    let opening = this.#works.get(routerId);
    if (opening === undefined) {
      opening = this.#open(document);
      this.#works.set(routerId, opening);
      opening.catch(() => this.#works.get(routerId) === opening && this.#works.delete(routerId));
    }
    const work = await opening;
    work.changed(document);
    return work;
  }

  /** As `work`, for a router that may never have had a subscriber: undefined when it has not. */
  async known(document: RouterDocument): Promise<RouterWork | undefined> {
    // One router that can't be opened for now holds up nobody who asks for another.
    if (!this.#works.has(document.routerId)) await this.#found;
    return this.#works.has(document.routerId) ? await this.work(document) : undefined;
  }

  /** To look at a router is no reason to begin work for it. Errors: as of `work`, and those of a StreamReader. */
  async stats(document: RouterDocument): Promise<RouterStats> {
    const { routerId } = document;
    const begun = this.#works.has(routerId) || (await this.#ports.documents.get(statePath(routerId)));
    return begun ? (await this.work(document)).stats() : await idleStats(this.#ports, document);
  }

  /** The secret is set for webhooks. Errors: RouterError, FilterError, WebhookError, those of a StreamReader. */
  async subscribe(
    document: RouterDocument,
    request: SubscriptionRequest,
  ): Promise<{ subscription: SubscriptionView; secret: string | undefined }> {
    if (request.filter !== undefined) parseFilter(request.filter);
    const target = await this.#targetOf(request);
    const made = { id: randomUuid(this.#ports.runtime), target };
    // Whether it would close a cycle is known once all routers are.
    if (target.kind === 'name' && target.role === 'router') await this.#found;
    const subscribed = this.#subscribing.then(async () => {
      await this.#mustBeThere(document);
      const work = await this.work(document);
      if (target.kind === 'name' && target.role === 'router') this.#refuseCycle(document, target);
      return work.subscribe(request, made);
    });
    this.#subscribing = subscribed.catch(() => {});
    const subscription = await subscribed;
    return { subscription, secret: target.kind === 'webhook' ? target.secrets[0] : undefined };
  }

  /** Another policy is in force. */
  changed(document: RouterDocument): void {
    this.#byStream.get(document.streamId)?.changed(document);
  }

  /** A name has lost its role: nothing is handed on to it any more, nor, if it was a router, from it. Errors: StorageError. */
  async gone(document: NameDocument): Promise<void> {
    const id = identityOf(document)?.id;
    if (id !== undefined) for (const work of this.#byStream.values()) work.targetGone(id);
    if (document.role === 'router') await this.removed(document);
  }

  /** A name is no router any more: ends its work and removes what is kept of it. Errors: StorageError. */
  async removed(document: RouterDocument): Promise<void> {
    const opening = this.#works.get(document.routerId);
    if (opening === undefined) return;
    this.#works.delete(document.routerId);
    this.#byStream.delete(document.streamId);
    const work = await opening;
    await work.remove();
  }

  /** Offset from which on a subscription needs the router's stream; undefined while that is not known. */
  async neededFrom(document: RouterDocument): Promise<number | undefined> {
    try {
      const work = await this.known(document);
      return work === undefined ? Number.MAX_SAFE_INTEGER : work.neededFrom();
    } catch {
      return undefined;
    }
  }

  /** Ends all that was begun, and waits for it. Nothing is delivered, saved or set after that. */
  async end(): Promise<void> {
    const { drainMs } = this.#settings;
    const stopping = [...this.#byStream.values()].map((work) => work.stop('not_leader'));
    const drained = this.#ports.runtime.setTimer(drainMs, () => this.#ending.abort(notLeading()));
    if (!this.#ports.leadership.isLeading()) this.#ending.abort(notLeading());
    await Promise.all(stopping);
    drained.cancel();
    this.#ending.abort(notLeading());
    await Promise.allSettled([this.#found, this.#subscribing]);
    const late = await Promise.allSettled(this.#works.values());
    for (const each of late) if (each.status === 'fulfilled') await each.value.stop('not_leader');
    this.#alarms.stop();
  }

  async #find(): Promise<void> {
    const { signal } = this.#ending;
    const open = async (document: RouterDocument): Promise<void> => {
      try {
        await this.work(document);
      } catch (error) {
        if (signal.aborted) throw error;
        const fields = { router: document.name, reason: messageOf(error) };
        this.#ports.logger.error(fields, 'what this router takes in is not handed on');
      }
    };
    await knownRouters(this.#ports, { parallel: this.#settings.openParallel, signal, open });
  }

  async #open(document: RouterDocument): Promise<RouterWork> {
    const { runtime, documents, leadership } = this.#ports;
    const { signal } = this.#ending;
    const { routerId, name } = document;
    const { epoch } = leadership;
    const common = {
      documents,
      runtime,
      alarms: this.#alarms,
      epoch,
      signal,
      saveEveryMs: this.#settings.saveEveryMs,
      onLost: (reason: string) => this.#lost(document, reason),
    };
    const state = await ClaimedDocument.claim({
      ...common,
      path: statePath(routerId),
      codec: stateCodec,
      initial: () => ({ version: 1 as const, routerId, name, epoch, subscriptions: [] }),
    });
    const cursors = await ClaimedDocument.claim({
      ...common,
      path: cursorsPath(routerId),
      codec: cursorsCodec,
      initial: () => ({ version: 1 as const, routerId, epoch, cursors: {} }),
    });
    const tail = await this.#tail(document);
    // The term may have ended meanwhile: nothing is begun any more.
    signal.throwIfAborted();
    const shared = { ports: this.#ports, alarms: this.#alarms, budget: this.#budget, recent: this.#recent };
    const work = new RouterWork({ ...shared, document, signal, state, cursors, tail });
    this.#byStream.set(document.streamId, work);
    try {
      await work.start();
    } catch (error) {
      if (this.#byStream.get(document.streamId) === work) this.#byStream.delete(document.streamId);
      await work.stop('not_leader');
      throw error;
    }
    return work;
  }

  /** The stream is opened for writing: what an older leader may still have had on its way to it is settled with that. */
  async #tail(document: RouterDocument): Promise<Tail> {
    const { runtime } = this.#ports;
    const { signal } = this.#ending;
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#ports.tail(intakeOf(document));
      } catch (error) {
        const passing = isLogError(error, 'storage_unavailable', 'outcome_unknown', 'queue_full', 'closed');
        if (!passing && !isStorageError(error, 'unavailable', 'throttled', 'outcome_unknown')) throw error;
        await sleep(runtime, backOffMs(failures, runtime.random()), signal);
      }
    }
  }

  #lost(document: RouterDocument, reason: string): void {
    const work = this.#byStream.get(document.streamId);
    // Where the router was removed, nothing was to be left of it.
    if (!this.#works.delete(document.routerId)) return;
    this.#byStream.delete(document.streamId);
    void work?.stop('not_leader');
    this.#ports.logger.warn({ router: document.name, reason }, 'the work for a router was taken away');
  }

  /** A handshake takes its time: the router may have been removed meanwhile, and is not to come back for it. */
  async #mustBeThere({ name, routerId }: RouterDocument): Promise<void> {
    const now = await this.#ports.lookup(name);
    if (now?.role === 'router' && now.routerId === routerId) return;
    throw new RouterError('router_gone', `${name} is no router any more, or another one`);
  }

  async #targetOf(request: SubscriptionRequest): Promise<Subscription['target']> {
    const { target } = request;
    if ('name' in target) return await this.#nameTarget(target.name);
    const { webhooks, runtime } = this.#ports;
    webhooks.check(target.webhook);
    const secrets = [target.secret ?? newWebhookSecret(runtime)];
    const subscriber = { kind: 'webhook' as const, url: target.webhook, secrets };
    const { origin, allowedRatePerMinute } = await webhooks.handshake(subscriber, this.#ending.signal);
    return { ...subscriber, origin, ...(allowedRatePerMinute === undefined ? {} : { allowedRatePerMinute }) };
  }

  async #nameTarget(name: string): Promise<Subscription['target']> {
    const document = await this.#ports.lookup(name);
    if (document === undefined) {
      throw new RouterError('no_such_target', `${name} has no role: make it a stream, queue or router first`);
    }
    if (document.role === 'queue' && document.deadLetterOf !== undefined) {
      const why = `${name} holds what ${document.deadLetterOf} gave up: nothing else is put there`;
      throw new RouterError('bad_target', `${why}, subscribe a queue of its own`);
    }
    const identity = identityOf(document);
    if (identity !== undefined) return { kind: 'name', name, ...identity };
    throw new RouterError('bad_target', `${name} is a ${document.role}, which takes no messages`);
  }

  #refuseCycle(document: RouterDocument, target: { name: string; id: string }): void {
    const targets = new Map<string, string[]>();
    for (const work of this.#byStream.values()) targets.set(work.document.routerId, work.targets());
    if (!reaches(target.id, document.routerId, (id) => targets.get(id) ?? [])) return;
    const what = `what ${document.name} hands on to ${target.name} would come back to ${document.name}`;
    throw new RouterError('cycle', what);
  }
}

function notLeading(): RouterError {
  return new RouterError('not_leader', 'this node does not lead any more');
}
