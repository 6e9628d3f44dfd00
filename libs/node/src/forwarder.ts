import { type ForwardAnswer, ForwardError, type ForwardRequest, RELAYED } from '@message-vault/http';
import type { LeaderDocument } from '@message-vault/metadata';
import { type Runtime, sleep } from '@message-vault/runtime';
import type { LeaderView } from './leader-view.ts';
import type { Peers } from './peers.ts';
import { wholeBody } from './whole-body.ts';

export interface ForwarderOptions {
  readonly peers: Pick<Peers, 'forward'>;
  readonly view: LeaderView;
  readonly runtime: Runtime;
  readonly ownUrl: () => string;
  /** Whether this node leads now: a request it held meanwhile goes to itself, by the same way as to any leader. */
  readonly leadsItself: () => boolean;
  /** How long a request may wait for somebody to lead, milliseconds: longer than a takeover takes. */
  readonly holdMs: number;
  readonly counted: (
    outcome: 'answered' | 'held' | 'no_leader' | 'leader_unreachable' | 'outcome_unknown',
  ) => void;
}

/** Longest time to look for the leader before what is known has to do. */
const LOOK_WITHIN_MS = 1000;
/** How often it is looked, while an answer does not come, whether somebody else leads by now. */
const WATCH_EVERY_MS = 500;
/** A leader that hands over still answers what it had taken in; so long it may take once its successor is known. */
const LAST_WORDS_MS = 1000;
/** The largest problem document of another node that is looked into. */
const MAX_PROBLEM_BYTES = 64 * 1024;

/**
 * Passes requests on to the leader. While nobody leads, or the one that did has just gone, a request whose body can be
 * sent again waits for the next leader instead of failing: a takeover is a pause to its client.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  async forward(request: ForwardRequest): Promise<ForwardAnswer> {
    try {
      const answer = await this.#forward(request);
      this.#options.counted('answered');
      return answer;
    } catch (error) {
      if (error instanceof ForwardError) this.#options.counted(error.code);
      throw error;
    }
  }

  async #forward(request: ForwardRequest): Promise<ForwardAnswer> {
    const { runtime } = this.#options;
    const deadline = runtime.monotonic() + this.#options.holdMs;
    let leader = await this.#options.view.latest(LOOK_WITHIN_MS);
    for (;;) {
      if (leader === null || this.#isFormerSelf(leader)) {
        // Its own name may also stand there because it is just about to lead.
        leader = await this.#next((leader?.epoch ?? 1) - 1, deadline, request, undefined);
      }
      try {
        const answer = await this.#send(leader, request);
        const refused = await refusal(answer, request);
        if (refused.byFormerLeader) leader = await this.#next(leader.epoch, deadline, request, undefined);
        else return refused.answer;
      } catch (error) {
        const unreachable = error instanceof ForwardError && error.code === 'leader_unreachable';
        if (!unreachable || !(request.body instanceof Uint8Array)) throw error;
        leader = await this.#next(leader.epoch, deadline, request, error);
      }
    }
  }

  /**
   * Waits for the leader's answer, but not for that of one that has been replaced: it may be frozen, and what it took in
   * before that is stored or never will be. The outcome is unknown then, as when a connection breaks.
   */
  async #send(leader: LeaderDocument, request: ForwardRequest): Promise<ForwardAnswer> {
    const answered = new AbortController();
    const replaced = new AbortController();
    void this.#hasSuccessor(leader.epoch, answered.signal).then((yes) => {
      if (yes) replaced.abort(new Error(`the leader at ${leader.url} has been replaced`));
    });
    const signal = AbortSignal.any([request.signal, replaced.signal]);
    try {
      return await this.#options.peers.forward(leader.url, { ...request, signal });
    } finally {
      answered.abort();
    }
  }

  /** True some time after another leader than that of `epoch` is known, false as soon as there is an answer. */
  async #hasSuccessor(epoch: number, answered: AbortSignal): Promise<boolean> {
    const { runtime, view } = this.#options;
    const pause = (delayMs: number) => sleep(runtime, delayMs, answered).catch(() => {});
    let known: LeaderDocument | null = null;
    while (!answered.aborted && (known?.epoch ?? 0) <= epoch) {
      await pause(WATCH_EVERY_MS);
      if (!answered.aborted) known = await view.latest(LOOK_WITHIN_MS, WATCH_EVERY_MS);
    }
    await pause(LAST_WORDS_MS);
    return !answered.aborted;
  }

  /** The records name this node, and it does not lead: nothing may be sent in a circle. */
  #isFormerSelf(leader: LeaderDocument): boolean {
    const { ownUrl, leadsItself } = this.#options;
    return leader.url === ownUrl() && !leadsItself();
  }

  async #next(
    epoch: number,
    deadline: number,
    request: ForwardRequest,
    why: ForwardError | undefined,
  ): Promise<LeaderDocument> {
    const { view, runtime, counted } = this.#options;
    counted('held');
    // A node stands in the records as the leader some storage calls before it leads.
    const accepts = (leader: LeaderDocument): boolean => leader.epoch > epoch && !this.#isFormerSelf(leader);
    const next = await view.waitFor(accepts, deadline - runtime.monotonic(), request.signal);
    if (next !== null) return next;
    throw (
      why ?? new ForwardError('no_leader', 'no node leads, and none began to in the time a request may wait')
    );
  }
}

/** Tells the answer of a node that does not lead any more from every other; the answer can be given on either way. */
async function refusal(
  answer: ForwardAnswer,
  request: ForwardRequest,
): Promise<{ byFormerLeader: boolean; answer: ForwardAnswer }> {
  // What a listener says of itself is not the leader's word, and may be long.
  const isOwn = answer.headers[RELAYED] === undefined;
  if (answer.status !== 503 || !isOwn || !(request.body instanceof Uint8Array))
    return { byFormerLeader: false, answer };
  const body = await wholeBody(answer.body, MAX_PROBLEM_BYTES).catch((cause: unknown) => {
    throw new ForwardError('outcome_unknown', "the leader's refusal did not arrive whole", { cause });
  });
  const byFormerLeader = /"code":\s*"(?:not_leader|no_leader)"/.test(body.toString('utf8'));
  return { byFormerLeader, answer: { ...answer, body: replay(body) } };
}

async function* replay(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}
