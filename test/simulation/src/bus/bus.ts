import { isQueueError, type WebhookTransport } from '@message-vault/bus';
import { hashOf } from '@message-vault/checkers';
import {
  deadLetterOf,
  namePath,
  parseNameDocument,
  parseNameRecord,
  type QueueDocument,
} from '@message-vault/metadata';
import { isStorageError, type Storage } from '@message-vault/storage';
import type { SimNode } from '../node/node.ts';
import { nameIn } from '../workload/messages.ts';
import { Host, SimProcess } from '../world/process.ts';
import { Composer } from './composer.ts';
import { comeLate } from './latecomer.ts';
import { Listener } from './listener.ts';
import { Manager } from './manager.ts';
import { Pauser } from './pauser.ts';
import type { BusSurroundings, Program } from './program.ts';
import { type Clocks, QueueConsumer } from './queue-consumer.ts';
import { QueueWatch } from './queue-watch.ts';
import { Redriver } from './redriver.ts';
import { Sender } from './sender.ts';
import { type BusSetup, filterOf } from './setup.ts';
import { PushBook, Sink, sinkTransport } from './sink.ts';
import { judgeSubscriptions } from './subscriptions.ts';

export interface BusOptions {
  readonly setup: BusSetup;
  readonly around: BusSurroundings;
  readonly nodes: readonly SimNode[];
  /** Below everything: without time, faults or audit. */
  readonly raw: Storage;
  readonly clocks: Clocks;
}

/** How long everything that was taken may take to come to all it is for, once all faults are over. */
const REST_WITHIN_MS = 180_000;
const STEP_MS = 500;
/** What nothing refers to has been removed by then. */
const TIDY_WITHIN_MS = 60_000;
/** Every subscription is active again within this. */
const RESUMED_WITHIN_MS = 30_000;
/** Cursors that have moved are saved within this, when nothing goes wrong. */
const SAVED_WITHIN_MS = 2000;
/** Longer than a listener is waited for: whose acknowledgement was not taken has been given the message again. */
const HOPE_MS = 20_000;
const COMPOSED_STEP_MS = 50;
/** The reason of a dead letter without a body. */
const BODY_GONE = 'its body is gone';
/** Every node knows of a change within this. */
const KNOWN_WITHIN_MS = 2500;

/** The names of a run, those at their ends, and what is to be found there. */
export class Bus {
  readonly #options: BusOptions;
  readonly #book: PushBook;
  readonly #sinks: readonly Sink[];
  readonly #consumers: readonly QueueConsumer[];
  readonly #listeners: readonly Listener[];
  readonly #manager: Manager;
  readonly #redriver: Redriver | undefined;
  readonly #pauser: Pauser | undefined;
  readonly #senders: readonly Sender[];
  /** To be told of what happens in storage. */
  readonly queueWatch: QueueWatch;

  constructor(options: BusOptions) {
    const { setup, around, nodes, clocks } = options;
    this.#options = options;
    this.#book = new PushBook(around.history);
    this.#sinks = setup.sinks.map((sink) => new Sink(sink, around, this.#book));
    this.#consumers = setup.consumers.map((consumer) => new QueueConsumer(consumer, around, clocks));
    this.#listeners = setup.listeners.map((listener) => {
      const filter = filterOf(setup, listener.router, listener.name);
      return new Listener(listener, around, { nodes, filter });
    });
    this.#manager = new Manager(setup, around);
    const everyMs = setup.policies?.redriveEveryMs;
    const names = [...setup.queues, ...setup.routers].map(({ name }) => name);
    this.#redriver = everyMs === undefined ? undefined : new Redriver(around, { names, everyMs });
    this.#pauser = setup.pauses && new Pauser(setup.pauses, around);
    this.queueWatch = new QueueWatch(options.raw, around);
    this.#senders = (setup.policies?.senders ?? []).map((sender) => new Sender(sender, around));
  }

  get programs(): readonly Program[] {
    const operators = [this.#manager, this.#redriver, this.#pauser].filter((each) => each !== undefined);
    return [...this.#sinks, ...this.#listeners, ...this.#consumers, ...this.#senders, ...operators];
  }

  /** Names whose own stream is read at the end. */
  get routers(): readonly string[] {
    return this.#options.setup.routers.map(({ name }) => name);
  }

  get counts(): Readonly<Record<string, number>> {
    const taken = this.#consumers.reduce((sum, consumer) => sum + consumer.taken, 0);
    return {
      locks: taken,
      policies: this.#manager.done,
      redriven: this.#redriver?.moved ?? 0,
      paused: this.#pauser?.done ?? 0,
    };
  }

  /** What a node pushes through. */
  webhooks(process: SimProcess): WebhookTransport {
    return sinkTransport(this.#options.around.network, process, this.#book);
  }

  /** Gives the names their roles and subscribes them to each other, in fair weather, and begins with what is at their ends. */
  async compose(): Promise<void> {
    const { setup, around } = this.#options;
    const { world, history } = around;
    for (const program of this.#sinks) program.start();
    const operator = new SimProcess(world, new Host('composer'));
    const composer = new Composer(setup, around, operator);
    composer.begin();
    while (!composer.isDone && world.nowMs < setup.settledMs - 500)
      await world.clock.advance(COMPOSED_STEP_MS);
    for (const listener of this.#listeners) listener.start();
    while (!this.#listeners.every(({ isConnected }) => isConnected) && world.nowMs < setup.settledMs)
      await world.clock.advance(COMPOSED_STEP_MS);
    if (!composer.isDone) world.broken('liveness', 'the names were not composed in time');
    for (const event of [...composer.places(), ...composer.filters(), ...composer.expiries()])
      history.add(event);
    await this.#watchQueues();
    for (const program of this.programs) program.start();
    await world.clock.advance(Math.max(0, setup.settledMs - world.nowMs));
  }

  /** Until everything that was taken has come to all it is for. */
  async comeToRest(): Promise<void> {
    const { world, history } = this.#options.around;
    this.#manager.stop();
    this.#redriver?.stop();
    for (const sender of this.#senders) sender.stop();
    await this.#resumeAll();
    await this.#rest();
    const { routerLimits = [] } = this.#options.setup.policies ?? {};
    if (routerLimits.length === 0) return;
    // Cursors are saved by then.
    await world.clock.advance(SAVED_WITHIN_MS);
    history.add({ kind: 'rested' });
    for (const { router } of routerLimits) await comeLate(router, this.#options.around);
    await this.#rest();
  }

  async #resumeAll(): Promise<void> {
    const { world } = this.#options.around;
    const deadline = world.nowMs + RESUMED_WITHIN_MS;
    while (this.#pauser?.isDone === false && world.nowMs < deadline) await world.clock.advance(STEP_MS);
    if (this.#pauser?.isDone === false) world.broken('liveness', 'not every subscription can be resumed');
  }

  async #rest(): Promise<void> {
    const { world, history } = this.#options.around;
    const deadline = world.nowMs + REST_WITHIN_MS;
    let hopeUntil = world.nowMs + HOPE_MS;
    let waiting = history.outstanding();
    const isAtRest = async () =>
      history.outstanding() === 0 && (await this.queueWatch.areEmpty()) && (await this.#nothingWaits());
    while (!(await isAtRest()) && world.nowMs < deadline) {
      await world.clock.advance(STEP_MS);
      await this.#readDeadLetters();
      // While something comes, what is hoped for may be on its way to somebody else, who is slow.
      if (history.outstanding() !== waiting) hopeUntil = world.nowMs + HOPE_MS;
      waiting = history.outstanding();
      if (world.nowMs > hopeUntil) this.#settleHopes();
    }
    if (history.outstanding() > 0)
      world.note('CHECK', `${history.outstanding()} messages have not come to everything they are for`);
  }

  /** Where limits leave something out, only the router knows what is on its way. */
  async #nothingWaits(): Promise<boolean> {
    const { setup, nodes, around } = this.#options;
    if ((setup.policies?.routerLimits ?? []).length === 0) return true;
    const broker = nodes.find((node) => node.broker?.status().role === 'leading')?.broker;
    for (const name of this.routers) {
      const document = broker && (await around.world.clock.run(broker.lookup(name)));
      if (broker === undefined || document?.role !== 'router') return false;
      const { maxLag } = await around.world.clock.run(broker.routers.stats(document));
      if (maxLag > 0) return false;
    }
    return true;
  }

  /** After the quiet that follows: nobody holds anything, and what is known of names is what is stored. */
  async finish(): Promise<void> {
    const { around } = this.#options;
    const { world, history } = around;
    for (const consumer of this.#consumers) consumer.stop();
    const deadline = world.nowMs + REST_WITHIN_MS;
    while (!this.#consumers.every(({ isIdle }) => isIdle) && world.nowMs < deadline)
      await world.clock.advance(STEP_MS);
    await this.#readDeadLetters();
    await this.#tidyUp();
    for (const program of this.programs) program.stop();
    this.#settleHopes();
    history.add({ kind: 'at-rest' });
    await world.clock.advance(KNOWN_WITHIN_MS);
    for (const name of this.#options.setup.managed) await this.#judgeName(name);
    for (const name of this.routers) await judgeSubscriptions(name, this.#options.raw, around.world);
  }

  /** Whatever is left of bodies goes within a while, unless somebody whose clock was wrong has hidden a message for longer. */
  async #tidyUp(): Promise<void> {
    const { world, history } = this.#options.around;
    const left = await this.queueWatch.leftIn();
    if (left.length > 0) {
      world.note('CHECK', `left at the end, hidden or as dead letters, in ${left.join(', ')}`);
      return;
    }
    const deadline = world.nowMs + TIDY_WITHIN_MS;
    while (this.queueWatch.bodies > 0 && world.nowMs < deadline) await world.clock.advance(STEP_MS);
    history.add({ kind: 'tidied' });
  }

  async #watchQueues(): Promise<void> {
    const { raw, setup } = this.#options;
    for (const { name } of [...setup.queues, ...setup.routers]) {
      const stored = await raw.documents.get(namePath(name));
      this.queueWatch.watch(stored && parseNameDocument(stored.body));
    }
  }

  /** An acknowledgement that nobody confirmed counts when nobody else has had the message: it was one in time. */
  #settleHopes(): void {
    const { around, setup } = this.#options;
    const { history } = around;
    for (const listener of this.#listeners) {
      const { name: subscriber } = listener;
      const others = setup.routers.flatMap(({ targets }) => (targets.includes(subscriber) ? targets : []));
      for (const named of listener.hoped) {
        if (!history.hasComeTo(others, named)) history.add({ kind: 'taken', subscriber, ...named });
      }
    }
  }

  async #judgeName(name: string): Promise<void> {
    const { raw, nodes, around } = this.#options;
    const stored = await raw.documents.get(namePath(name));
    const wrong = this.#manager.judge(name, stored);
    if (wrong !== undefined) around.world.broken('policy', wrong);
    const record = stored && parseNameRecord(stored.body);
    const is = record === undefined || record.role === 'none' ? undefined : JSON.stringify(record);
    for (const { name: node, broker } of nodes) {
      const known = broker && (await around.world.clock.run(broker.lookup(name)));
      if (JSON.stringify(known) !== is)
        around.world.broken('stale', `${node} takes ${name} for ${JSON.stringify(known)}, and it is ${is}`);
    }
  }

  async #readDeadLetters(): Promise<void> {
    const { nodes, around } = this.#options;
    const node = nodes.find(({ broker }) => broker?.status().role === 'leading');
    if (node?.broker === undefined) return;
    const { queues } = node.broker;
    for (const { name } of [...this.#options.setup.queues, ...this.#options.setup.routers]) {
      const document = await around.world.clock.run(node.broker.lookup(name));
      if (document?.role !== 'queue' && document?.role !== 'router') continue;
      await around.world.clock.run(this.#read(name, queues, deadLetterOf(document)));
    }
  }

  async #read(
    of: string,
    queues: NonNullable<SimNode['broker']>['queues'],
    letters: QueueDocument,
  ): Promise<void> {
    const { history, world } = this.#options.around;
    try {
      for (;;) {
        const letter = await queues.receiveAndDelete(letters, { timeoutMs: 0, signal: undefined });
        if (letter === undefined) return;
        letter.release();
        const { value } = letter.message;
        const named = nameIn(value);
        const { reason = '', source = '' } = letter.deadLetter ?? {};
        // It came twice, and had been dealt with once: whether a body went too soon is judged where it is stored.
        if (reason.includes(BODY_GONE)) continue;
        if (named === undefined) {
          world.broken('corrupt', `a dead letter of ${of} was published by nobody`);
          continue;
        }
        world.note('CHECK', `dead letter of ${of}: ${named.producer} #${named.sequence}, ${reason}`);
        const [from = ''] = source.split('/-/');
        history.add({ kind: 'dead-letter', of, ...named, hash: hashOf(value), reason, source: from });
      }
    } catch (error) {
      // Asked again a little later.
      if (!isQueueError(error) && !isStorageError(error)) throw error;
    }
  }
}
