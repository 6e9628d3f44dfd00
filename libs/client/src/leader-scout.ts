import { isMembers, optionalNumber, optionalString, parseMembers } from './answers.ts';
import { isVaultClientError } from './errors.ts';
import { type ClientContext, exchange } from './exchange.ts';

const LOOK_TIMEOUT_MS = 400;
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * Asks around who leads, while a publish is left without an answer. A frozen leader or a dead link gives no error for
 * a long time; the other nodes know of the new leader much earlier.
 */
export class LeaderScout {
  readonly #context: ClientContext;
  #turn = 0;
  #looking: Promise<void> | undefined;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Asks one node other than `silentUrl`, the next one with every call; what it says lands in the directory. */
  look(silentUrl: string): Promise<void> {
    this.#looking ??= this.#ask(silentUrl).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #ask(silentUrl: string): Promise<void> {
    const url = this.#context.nodes.anotherThan(silentUrl, this.#turn);
    this.#turn += 1;
    if (url === undefined) return;
    const exchanged = await exchange(this.#context, {
      url,
      method: 'GET',
      path: '/-/cluster',
      headers: { accept: 'application/json' },
      stallTimeoutMs: LOOK_TIMEOUT_MS,
      maxResponseBytes: MAX_ANSWER_BYTES,
    });
    if (exchanged.kind === 'failure' || exchanged.response.status !== 200) return;
    try {
      const leader = parseMembers(exchanged.response).leader;
      if (!isMembers(leader)) return;
      this.#context.nodes.learnLeader(
        optionalString(leader, 'url') ?? '',
        optionalNumber(leader, 'epoch') ?? Number.NaN,
      );
    } catch (error) {
      if (!isVaultClientError(error, 'bad_answer')) throw error;
    }
  }
}
