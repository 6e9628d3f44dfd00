import type { SeededRandom } from '@message-vault/runtime/testing';
import type { Fate, StorageCall } from '../storage/call.ts';
import { type CallStep, type CallWatcher, tearOf } from '../storage/line.ts';
import type { SimProcess } from '../world/process.ts';
import type { World } from '../world/world.ts';

/** What an ambush does to the call it waits for, or to the process that makes it. */
export const AMBUSH_ACTS = [
  'crash',
  'freeze',
  'suspend',
  'tear',
  'tearAndCrash',
  'late',
  'again',
  'echo',
  'loseAnswer',
  'refuse',
  'throttle',
] as const;
export type AmbushAct = (typeof AMBUSH_ACTS)[number];

/** Those that befall the process. */
export const HALTING_ACTS = ['crash', 'freeze', 'suspend'] as const satisfies readonly AmbushAct[];
type HaltingAct = (typeof HALTING_ACTS)[number];

function isHalting(act: AmbushAct): act is HaltingAct {
  return HALTING_ACTS.some((each) => each === act);
}

/** Something that happens at one exact step of one exact call, such as "the leader dies when its second commit has landed". */
export interface Ambush {
  /** Only calls of this node; undefined for whoever is first. */
  readonly node: string | undefined;
  readonly operation: string;
  /** What the call is about, or how that begins, with a `*` at the end; undefined for anything. */
  readonly about: string | undefined;
  /** The first one is 1. */
  readonly nth: number;
  /** For acts that befall the process; the others are about the call itself. */
  readonly step: CallStep;
  readonly act: AmbushAct;
  readonly forMs: number;
}

interface Armed {
  readonly ambush: Ambush;
  left: number;
}

export interface AmbushEffects {
  crash(process: SimProcess, downMs: number): void;
  freeze(process: SimProcess, forMs: number, how: { suspended: boolean }): void;
}

/** The operations worth waiting for: every step of a commit, a roll, a takeover, a renewal. */
export const AMBUSHED: readonly (readonly [operation: string, about?: string])[] = [
  ['writePages'],
  ['writePages'],
  ['writePages'],
  ['createSegment'],
  ['createSegment'],
  ['fence'],
  ['fence'],
  ['segmentProperties'],
  ['writtenRanges'],
  ['readRange'],
  ['clearPages'],
  ['listSegments'],
  ['put', 'leader'],
  ['put', 'leader-claim'],
  ['get', 'leader'],
  ['acquire', 'leader-lease'],
  ['acquire', 'takeover-lease'],
  ['break', 'leader-lease'],
  ['release'],
  ['renew'],
];

/** Waits for calls. */
export class Ambushes implements CallWatcher {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #effects: AmbushEffects;
  readonly #armed = new Set<Armed>();
  /** How many have struck. */
  sprung = 0;

  constructor(world: World, effects: AmbushEffects) {
    this.#world = world;
    this.#random = world.chance('ambushes');
    this.#effects = effects;
  }

  arm(ambush: Ambush): void {
    this.#armed.add({ ambush, left: ambush.nth });
  }

  disarmAll(): void {
    this.#armed.clear();
  }

  fateOf(process: SimProcess, call: StorageCall): Fate | undefined {
    const ambush = this.#sprung(process, call, ({ act }) => !isHalting(act));
    if (ambush === undefined) return undefined;
    if (ambush.act === 'tearAndCrash') this.#effects.crash(process, ambush.forMs);
    return this.#fate(ambush, call);
  }

  passed(process: SimProcess, call: StorageCall, step: CallStep): void {
    const ambush = this.#sprung(process, call, (each) => each.step === step && isHalting(each.act));
    if (ambush?.act === 'crash') this.#effects.crash(process, ambush.forMs);
    else if (ambush !== undefined)
      this.#effects.freeze(process, ambush.forMs, { suspended: ambush.act === 'suspend' });
  }

  #fate(ambush: Ambush, call: StorageCall): Fate {
    switch (ambush.act) {
      case 'tear':
      case 'tearAndCrash':
        return tearOf(call, this.#random);
      case 'late':
      case 'again':
        return { kind: ambush.act, afterMs: ambush.forMs };
      case 'throttle':
        return { kind: 'throttle', retryAfterMs: this.#random.below(300) };
      case 'echo':
      case 'loseAnswer':
      case 'refuse':
        return { kind: ambush.act };
      default:
        return { kind: 'none' };
    }
  }

  #sprung(process: SimProcess, call: StorageCall, isWanted: (ambush: Ambush) => boolean): Ambush | undefined {
    for (const armed of this.#armed) {
      const { ambush } = armed;
      if (!isWanted(ambush) || !isAbout(ambush, process, call)) continue;
      armed.left -= 1;
      if (armed.left > 0) continue;
      this.#armed.delete(armed);
      this.sprung += 1;
      this.#world.note(
        process.id,
        `AMBUSH ${ambush.act} at ${call.operation} ${call.about} (${ambush.step})`,
      );
      return ambush;
    }
    return undefined;
  }
}

function isAbout({ node, operation, about }: Ambush, process: SimProcess, call: StorageCall): boolean {
  return (
    call.operation === operation &&
    (node === undefined || node === process.host.name) &&
    (about === undefined ||
      call.about === about ||
      (about.endsWith('*') && call.about.startsWith(about.slice(0, -1))))
  );
}
