import { messageOf, type Runtime, sleep } from '@message-vault/runtime';
import type { Delivery, DeliveryResult } from '../router/delivery.ts';
import { resultOf } from './answers.ts';
import { WebhookError } from './errors.ts';
import { Gate, type Place } from './gate.ts';
import { grantOf } from './handshake.ts';
import type { Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import { Lookups } from './lookups.ts';
import { pushHeaders } from './push-headers.ts';
import { defaultWebhookSettings, type WebhookSettings } from './settings.ts';
import { checkWebhookSecret } from './signature.ts';
import type { WebhookGrant, WebhookTarget } from './target.ts';
import {
  type ResolveName,
  type WebhookAnswer,
  type WebhookRequest,
  type WebhookTransport,
  WebhookTransportError,
} from './transport.ts';

export interface WebhookSenderOptions {
  readonly runtime: Runtime;
  readonly transport: WebhookTransport;
  readonly resolve: ResolveName;
  readonly settings?: Partial<WebhookSettings> | undefined;
}

export interface PushOptions {
  /** From when it is this push's turn to the end of the answer's head. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface WebhookSender {
  /**
   * Asks the target whether it wants to be pushed to by `origin`, a DNS name that stands for this vault, if its URL and
   * secrets are such that it can be. Throws WebhookError; what it agreed to goes into the WebhookTarget of the pushes.
   */
  handshake(target: WebhookTarget, origin: string, signal: AbortSignal): Promise<WebhookGrant>;
  /**
   * Tries once to hand a message over. Never rejects. The name is looked up and each of its addresses checked with
   * every push. Waits for its turn before that: for a place, for the rate the target allows, for the end of a
   * Retry-After; where that would take longer than `timeoutMs`, the answer is `later` with the time.
   */
  push(target: WebhookTarget, delivery: Delivery, options: PushOptions): Promise<DeliveryResult>;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

/** Pushes messages to webhooks, as docs/webhooks.md has it. */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  return new Sender(options);
}

/** When to come back if too many pushes are waiting. */
const CROWDED_MS = 1000;

/** What a push and a handshake have in common. */
type Exchange = Pick<WebhookRequest, 'method' | 'headers' | 'body'>;
type Attempt = { lane: Lane; timeoutMs: number; signal: AbortSignal };

class Sender implements WebhookSender {
  readonly #runtime: Runtime;
  readonly #transport: WebhookTransport;
  readonly #settings: WebhookSettings;
  readonly #lookups: Lookups;
  readonly #lanes: Lanes;
  readonly #gate: Gate;
  readonly #underWay = new Set<AbortController>();
  #waiting = 0;
  #closed = false;

  constructor({ runtime, transport, resolve, settings }: WebhookSenderOptions) {
    this.#runtime = runtime;
    this.#transport = transport;
    this.#settings = { ...defaultWebhookSettings, ...settings };
    const rules = this.#settings;
    this.#lookups = new Lookups({ runtime, resolve, rules, timeoutMs: rules.lookupTimeoutMs });
    this.#lanes = new Lanes(rules, rules.maxTargets);
    this.#gate = new Gate(rules);
  }

  async handshake(target: WebhookTarget, origin: string, signal: AbortSignal): Promise<WebhookGrant> {
    const lane = this.#lanes.of(target.url);
    target.secrets.forEach(checkWebhookSecret);
    const headers = { 'webhook-request-origin': origin };
    const timeoutMs = this.#settings.handshakeTimeoutMs;
    lane.users += 1;
    try {
      const place = await this.#gate.enter(lane, signal);
      const answer = await this.#exchange(place, { lane, timeoutMs, signal }, () => ({
        method: 'OPTIONS',
        headers,
      }));
      return grantOf(answer, origin);
    } catch (cause) {
      if (cause instanceof WebhookError || signal.aborted) throw cause;
      throw new WebhookError('handshake_failed', `the handshake has failed: ${messageOf(cause)}`, { cause });
    } finally {
      lane.users -= 1;
    }
  }

  async push(target: WebhookTarget, delivery: Delivery, options: PushOptions): Promise<DeliveryResult> {
    if (this.#closed) return { outcome: 'retry', reason: 'the sender is closed' };
    let lane: Lane | undefined;
    try {
      lane = this.#lanes.of(target.url);
      lane.users += 1;
      return await this.#pushOn(lane, target, delivery, options);
    } catch (error) {
      return { outcome: 'retry', reason: messageOf(error) };
    } finally {
      if (lane !== undefined) lane.users -= 1;
    }
  }

  async #pushOn(
    lane: Lane,
    target: WebhookTarget,
    delivery: Delivery,
    { timeoutMs, signal }: PushOptions,
  ): Promise<DeliveryResult> {
    const rate = target.allowedRatePerMinute;
    const now = this.#runtime.monotonic();
    const waitMs = lane.waitMs(now, rate);
    if (waitMs > timeoutMs)
      return { outcome: 'later', reason: 'the target wants no more yet', afterMs: waitMs };
    if (this.#waiting >= this.#settings.maxWaiting)
      return { outcome: 'later', reason: 'too many pushes are waiting', afterMs: CROWDED_MS };
    lane.takeTurn(now, rate);
    const place = await this.#turn(lane, waitMs, signal);
    const answer = await this.#exchange(place, { lane, timeoutMs, signal }, () => ({
      method: 'POST',
      headers: pushHeaders(target, delivery, this.#runtime.now()),
      body: delivery.message.value,
    }));
    return this.#judge(lane, answer);
  }

  /** A place for one push, at once if there is one. */
  #turn(lane: Lane, waitMs: number, signal: AbortSignal): Promise<Place> | Place {
    if (waitMs > 0)
      return this.#waitFor(sleep(this.#runtime, waitMs, signal).then(() => this.#gate.enter(lane, signal)));
    const place = this.#gate.enter(lane, signal);
    return place instanceof Promise ? this.#waitFor(place) : place;
  }

  async #waitFor(turn: Promise<Place>): Promise<Place> {
    this.#waiting += 1;
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  #judge(lane: Lane, answer: WebhookAnswer): DeliveryResult {
    const { maxRetryAfterMs } = this.#settings;
    const result = resultOf(answer, { now: this.#runtime.now(), maxRetryAfterMs });
    if (result.outcome === 'retry' && result.afterMs !== undefined)
      lane.closeUntil(this.#runtime.monotonic() + result.afterMs);
    return result;
  }

  /** The answer to what `make` makes, within the time. Gives the place back, with whether the target has answered. */
  async #exchange(
    place: Place,
    { lane, timeoutMs, signal }: Attempt,
    make: () => Exchange,
  ): Promise<WebhookAnswer> {
    const giveUp = new AbortController();
    const onAbort = (): void => giveUp.abort(signal.reason);
    const timer = this.#runtime.setTimer(timeoutMs, () =>
      giveUp.abort(new Error(`no answer within ${timeoutMs} ms`)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#underWay.add(giveUp);
    let answered = false;
    try {
      const answer = await this.#send(lane, make(), giveUp.signal);
      answered = true;
      return answer;
    } catch (error) {
      // What made it stop says more than how the transport took that.
      throw giveUp.signal.aborted ? giveUp.signal.reason : error;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      this.#underWay.delete(giveUp);
      this.#gate.leave(place, answered);
    }
  }

  /** Goes through the addresses until one takes the connection; what was sent to one is not sent to the next. */
  async #send(lane: Lane, exchange: Exchange, signal: AbortSignal): Promise<WebhookAnswer> {
    const { maxAnswerBytes, answerBodyTimeoutMs } = this.#settings;
    const { url } = lane;
    const addresses = await this.#lookups.addressesOf(url, signal);
    let failure: unknown;
    for (const address of addresses) {
      try {
        const limits = { maxAnswerBytes, answerBodyTimeoutMs, signal };
        return await this.#transport.send({ ...exchange, ...limits, url, address });
      } catch (error) {
        failure = error;
        if (!(error instanceof WebhookTransportError) || error.code !== 'unreachable') break;
      }
    }
    throw failure;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const giveUp of this.#underWay) giveUp.abort(new Error('the sender is closed'));
    await this.#transport.close();
  }
}
