import { namePath, parseNameRecord } from '@message-vault/metadata';
import type { StoredDocument } from '@message-vault/storage';
import type { SimProcess } from '../world/process.ts';
import { type Answer, ask, membersOf } from './ask.ts';
import { type BusSurroundings, Program, pause } from './program.ts';
import type { BusSetup, QueueSetup } from './setup.ts';

/** A version of a managed name; undefined for no role. */
type Version = string | undefined;
type Kind = 'assign' | 'change' | 'remove';

interface Deed {
  readonly kind: Kind;
  readonly makes: Version;
  outcome: 'open' | 'done' | 'refused' | 'unknown';
}

const PAUSE_MS = 250;

/** Gives names their roles, changes and takes them, each version another; and knows what may be there in the end. */
export class Manager extends Program {
  readonly #names: readonly string[];
  readonly #queues: readonly QueueSetup[];
  readonly #tunes: number;
  readonly #deeds = new Map<string, Deed[]>();
  #versions = 0;
  done = 0;

  constructor(setup: Pick<BusSetup, 'managed' | 'queues' | 'tunes'>, around: BusSurroundings) {
    super('manager', around);
    const { managed: names, queues, tunes } = setup;
    this.#names = names;
    // What policies say of the others is not to be changed.
    this.#queues = queues.filter(({ limit }) => limit === undefined);
    this.#tunes = tunes;
    for (const name of names) this.#deeds.set(name, []);
  }

  override kill(): void {
    super.kill();
    for (const deeds of this.#deeds.values())
      for (const deed of deeds) if (deed.outcome === 'open') deed.outcome = 'unknown';
  }

  /**
   * What is wrong with what is stored of a name, if anything: it must be what was last done to it, as far as anybody was
   * told, or what was begun after that. A request to assign may come late, and finds a name without a role then.
   */
  judge(name: string, stored: StoredDocument | undefined): string | undefined {
    const record = stored && parseNameRecord(stored.body);
    const is = record?.role === 'queue' ? String(record.policy.maxQueueLength) : undefined;
    const deeds = this.#deeds.get(name) ?? [];
    const last = deeds.findLastIndex(({ outcome }) => outcome === 'done');
    const may = deeds.filter(
      ({ outcome, kind }, index) =>
        index === last ||
        (index > last && outcome === 'unknown') ||
        (kind === 'assign' && outcome !== 'refused' && deeds[last]?.makes === undefined),
    );
    if ((last < 0 && is === undefined) || may.some(({ makes }) => makes === is)) return undefined;
    return `${namePath(name)} holds ${is ?? 'no role'}; it was last said to be ${deeds[last]?.makes ?? 'none'}`;
  }

  protected begin(process: SimProcess): void {
    void this.#run(process);
  }

  async #run(process: SimProcess): Promise<void> {
    while (!this.stopping) {
      await pause(process, 2 * PAUSE_MS * this.random.next());
      if (this.#tunes > 0 && this.random.chance(this.#tunes))
        await this.#tune(process, this.random.pick(this.#queues));
      else await this.#manage(process, this.random.pick(this.#names));
    }
  }

  /** Another lock time for a queue that is at work. Nobody says which one is in force: what was given out holds as it was said. */
  async #tune(process: SimProcess, { name, maxDequeueRetries }: QueueSetup): Promise<void> {
    const json = { role: 'queue', lockDuration: `PT${1 + this.random.below(5)}S`, maxDequeueRetries };
    const { status } = await this.#ask(process, { method: 'PUT', path: `/${name}/-/policy`, json });
    if (status === 200) this.done += 1;
    this.around.world.note(this.name, `tune ${name} ${json.lockDuration}: ${status}`);
  }

  async #manage(process: SimProcess, name: string): Promise<void> {
    const path = `/${name}/-/policy`;
    const seen = await this.#ask(process, { method: 'GET', path });
    if (seen.status !== 200 && seen.status !== 404) return;
    const before = seen.status === 200 ? String(membersOf(seen).maxQueueLength) : undefined;
    const kind = before === undefined ? 'assign' : this.random.chance(0.3) ? 'remove' : 'change';
    const makes = kind === 'remove' ? undefined : String(++this.#versions);
    const json = makes === undefined ? undefined : { role: 'queue', maxQueueLength: Number(makes) };
    const deed: Deed = { kind, makes, outcome: 'open' };
    this.#deeds.get(name)?.push(deed);
    const condition = before === undefined ? '' : `?if=${before}`;
    const answer = await this.#ask(process, { method: METHODS[kind], path: path + condition, json });
    deed.outcome = outcomeOf(answer);
    if (deed.outcome === 'done') this.done += 1;
    this.around.world.note(this.name, `${kind} ${name} ${makes ?? ''}: ${answer.status}`);
  }

  #ask(process: SimProcess, request: { method: string; path: string; json?: unknown }): Promise<Answer> {
    const { network, urls } = this.around;
    return ask(network, process, this.random.pick(urls), request);
  }
}

const METHODS: Readonly<Record<Kind, string>> = { assign: 'POST', change: 'PUT', remove: 'DELETE' };

function outcomeOf({ status }: Answer): Deed['outcome'] {
  if (status === 'not sent') return 'refused';
  if (status === 'unknown') return 'unknown';
  // A conflict may be one with what the same request has done at a leader that died over it.
  return status < 300 ? 'done' : 'unknown';
}
