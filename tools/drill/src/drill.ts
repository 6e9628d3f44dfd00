import type { CheckName } from '@message-vault/checkers';
import type { Lab } from './lab/lab.ts';
import type { Setup } from './lab/setup.ts';
import type { Watch } from './watch.ts';

/** How many of something are right, both ends included. */
export interface Span {
  readonly min: number;
  readonly max: number;
}

/** How long a write gap may be, milliseconds. Missing one is told beside the verdict, which is about correctness. */
export interface Figures {
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/** The same for what queues and routers hand on: the longest silence at any place but those that the fault is about. */
export interface DeliveryFigures extends Figures {
  /** Last parts of names. */
  readonly butFor?: readonly string[];
}

export interface Expectations {
  /** Changes of the leader from the fault until it heals. */
  readonly changes: Span;
  /** Changes after it healed: more than one would be flapping. */
  readonly changesAfterHeal: Span;
  /** Publishes that may fail, or end unknown. Default 0. */
  readonly failedPublishes?: number;
  /** What the checkers may find, because the fault itself did it. */
  readonly findings?: readonly CheckName[];
  /** Consumers may come to an end, because what they had read is no more. */
  readonly consumersMayEnd?: true;
  /** The write gap of the fault. */
  readonly figures?: Figures;
  /** Of bus drills. */
  readonly deliveries?: DeliveryFigures;
}

export interface Load {
  readonly producers: number;
  /** Time between two publishes of one producer, milliseconds. */
  readonly everyMs: number;
  /** Messages of one producer on their way at once. */
  readonly maxOutstanding: number;
  /** How long a publish is tried before it counts as failed. */
  readonly deliveryTimeoutMs: number;
  readonly tails: number;
  readonly replayers: number;
  /** A segment is full after so many commits; undefined for the usual number. */
  readonly segmentCommits: number | undefined;
}

/** How long the fault stays. */
export type Hold =
  /** Until there is a new epoch and publishes are acknowledged in it, and `thenMs` longer. */
  | { readonly until: 'takeover'; readonly thenMs: number }
  | { readonly until: 'time'; readonly forMs: number };

/** What a fault works with that is done from outside, as any operator could. */
export interface OutsideStage {
  readonly urls: readonly string[];
  readonly watch: Watch;
  /** Seeded, uniform in [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Resolves when every node is ready and one leads that all know of. Throws DrillError when that takes too long. */
  calm(): Promise<void>;
  /** Publishes acknowledged so far. */
  acked(): number;
  /** A fact for the report. */
  note(text: string): void;
  /** Something was not as it must be: the run fails with this sentence. */
  problem(text: string): void;
}

export interface LateProducer {
  /** Publishes some messages at once. Resolves when all have come to their end, whichever. */
  publish(count: number): Promise<void>;
}

/** What a fault works with that needs a cluster of its own. */
export interface Stage extends OutsideStage {
  readonly lab: Lab;
  /**
   * One more producer, which the history knows of too, that publishes through this one node and when it is told to. To a
   * stream beside the run's own: `side` tells several apart.
   */
  producerThrough(url: string, side: string): LateProducer;
}

/** A fault that has been prepared: whatever it needs to know has been found out. */
export interface Fault {
  /** Begins right after the mark `fault`. */
  begin(): Promise<void>;
  /** Begins right after the mark `heal`. Without it, what began has also ended, and there is no such mark. */
  end?(): Promise<void>;
  /** When all is calm again. */
  afterwards?(): Promise<void>;
}

/** What of a bus drill's participants a fault can lay hands on. Places are told by the last part of their names. */
export interface BusHands {
  readonly consumers: readonly { readonly name: string; readonly held: number; kill(): Promise<void> }[];
  sink(name: string): { turn(mode: 'well' | 'hangs' | 'down'): Promise<void> };
  /** Messages that were acknowledged or read there so far. */
  delivered(place: string): number;
}

export interface BusStage extends OutsideStage {
  readonly lab: Lab;
  readonly bus: BusHands;
}

interface DrillDescription {
  readonly name: string;
  /** What is done, in a sentence. */
  readonly does: string;
  /** What has to come of it, in a sentence. */
  readonly expects: string;
  readonly setup: Setup;
  readonly load: Partial<Load>;
  readonly hold: Hold;
  /** The run is over while the fault lasts: the cluster has to stay down, and is mended only for the next run. */
  readonly staysDown?: true;
  readonly expect: Expectations;
}

export interface InsideDrill extends DrillDescription {
  readonly of?: undefined;
  /** Why it can't be done to a cluster that runs elsewhere. */
  readonly notFromOutside: string;
  prepare(stage: Stage): Promise<Fault>;
}

export interface OutsideDrill extends DrillDescription {
  readonly of?: undefined;
  readonly notFromOutside?: undefined;
  prepare(stage: OutsideStage): Promise<Fault>;
}

/** With queues and routers, and everybody who uses them; see bus/composition.ts. */
export interface BusDrill extends DrillDescription {
  readonly of: 'bus';
  readonly notFromOutside: string;
  prepare(stage: BusStage): Promise<Fault>;
}

export type Drill = InsideDrill | OutsideDrill | BusDrill;
