import type { Runtime, Timer } from '@message-vault/runtime';
import type { Observation } from './decision.ts';
import type { ProbePort, WitnessAnswer } from './ports.ts';
import type { ElectionSettings } from './settings.ts';

export interface WitnessReport {
  readonly url: string;
  readonly answer: WitnessAnswer;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface WitnessesOptions {
  readonly runtime: Runtime;
  readonly probes: ProbePort;
  readonly settings: ElectionSettings;
  /** Base URLs; asked for anew with every round. */
  readonly urls: () => readonly string[];
  readonly onVerdict: () => void;
}

/** More would not make the answer better. */
const MAX_WITNESSES = 9;
/** A witness needs as long as it tries the leader, and this much to be asked and to answer. */
const ANSWER_MARGIN_MS = 150;

type Verdict = Observation['witnesses'];

/**
 * Asks others whether they reach the leader, in rounds for as long as it is wanted. A verdict is the last round's; while
 * a later round is running, that of the one before counts.
 */
export class Witnesses {
  readonly #options: WitnessesOptions;
  #leaderUrl: string | undefined;
  #verdict: Verdict = 'asking';
  #reports: WitnessReport[] = [];
  #timer: Timer | undefined;

  constructor(options: WitnessesOptions) {
    this.#options = options;
  }

  /** Begins to ask about `leaderUrl`, unless that is being done. */
  ask(leaderUrl: string): void {
    if (this.#leaderUrl === leaderUrl) return;
    this.stop();
    this.#leaderUrl = leaderUrl;
    void this.#round(leaderUrl);
  }

  /** The leader is well, or another one: what was heard is worth nothing any more. */
  stop(): void {
    this.#leaderUrl = undefined;
    this.#verdict = 'asking';
    this.#timer?.cancel();
  }

  get verdict(): Verdict {
    return this.#options.urls().length === 0 ? 'none_configured' : this.#verdict;
  }

  /** The last answer of each witness. */
  get reports(): readonly WitnessReport[] {
    return this.#reports;
  }

  async #round(leaderUrl: string): Promise<void> {
    const { runtime, settings } = this.#options;
    const urls = this.#options.urls().slice(0, MAX_WITNESSES);
    const answers: WitnessReport[] = [];
    await Promise.all(
      urls.map(async (url) => {
        const answer = await this.#askOne(url, leaderUrl);
        if (this.#leaderUrl !== leaderUrl) return;
        answers.push({ url, answer, at: runtime.now() });
        this.#count(answers, urls.length);
      }),
    );
    if (this.#leaderUrl !== leaderUrl) return;
    this.#timer = runtime.setTimer(settings.askWitnessesEveryMs, () => void this.#round(leaderUrl));
  }

  #count(answers: WitnessReport[], asked: number): void {
    this.#reports = [...answers];
    const verdict = judge(
      answers.map((report) => report.answer),
      asked,
    );
    if (verdict === undefined) return;
    this.#verdict = verdict;
    this.#options.onVerdict();
  }

  async #askOne(url: string, leaderUrl: string): Promise<WitnessAnswer> {
    const { probes, runtime, settings } = this.#options;
    const late = Promise.withResolvers<WitnessAnswer>();
    const timer = runtime.setTimer(settings.witnessTimeoutMs + ANSWER_MARGIN_MS, () =>
      late.resolve('no_answer'),
    );
    try {
      return await Promise.race([probes.askWitness(url, leaderUrl, settings.witnessTimeoutMs), late.promise]);
    } finally {
      timer.cancel();
    }
  }
}

/**
 * What `answers` out of `asked` witnesses say, as soon as the missing ones can't change it; undefined until then.
 * This node, which does not reach the leader, breaks a tie.
 */
export function judge(answers: readonly WitnessAnswer[], asked: number): Verdict | undefined {
  const reach = answers.filter((answer) => answer === 'reachable').length;
  const doNot = answers.filter((answer) => answer === 'unreachable').length;
  const missing = asked - answers.length;
  if (reach > doNot + missing) return 'most_reach';
  if (doNot > 0 && doNot >= reach + missing) return 'most_do_not';
  return missing > 0 ? undefined : 'no_answer';
}
