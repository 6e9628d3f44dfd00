import type { AfterCut } from '../network/wires.ts';
import type { Weather } from '../world/weather.ts';
import type { Ambush } from './ambush.ts';

/** Whom a fault is for: a host by its name, or whoever leads (or stands by) when it strikes. */
export type Victim = 'leader' | 'standby' | (string & {});

/** One thing that goes wrong, planned before the run begins: the plan can be printed, and parts of it left out. */
export type Fault = { readonly atMs: number } & FaultAct;

export type FaultAct =
  /** SIGKILL, and after a while the next life. */
  | { readonly kind: 'crash'; readonly victim: Victim; readonly forMs: number }
  /** SIGSTOP and SIGCONT; short ones are a stalled event loop. */
  | { readonly kind: 'freeze'; readonly victim: Victim; readonly forMs: number }
  /** The same with the machine: its monotonic clock stands still, so that all deadlines seem as far off as before. */
  | { readonly kind: 'suspend'; readonly victim: Victim; readonly forMs: number }
  /** SIGTERM, and after a while the next life. */
  | { readonly kind: 'stop'; readonly victim: Victim; readonly forMs: number }
  | { readonly kind: 'restartAll'; readonly forMs: number }
  | { readonly kind: 'clockJump'; readonly victim: Victim; readonly byMs: number }
  | {
      readonly kind: 'cut';
      readonly from: Victim;
      readonly to: Victim;
      readonly oneWay: boolean;
      readonly after: AfterCut;
      readonly forMs: number;
    }
  /** Cut off from all other nodes, and from the storage too or not. */
  | {
      readonly kind: 'isolate';
      readonly victim: Victim;
      readonly storageToo: boolean;
      readonly after: AfterCut;
      readonly forMs: number;
    }
  /** Another weather: outages, brown-outs, slowness, lossy lines, lying hints. */
  | {
      readonly kind: 'weather';
      readonly name: string;
      readonly victim: Victim | undefined;
      readonly weather: Partial<Weather>;
      readonly forMs: number;
    }
  | { readonly kind: 'breakLease' }
  | { readonly kind: 'handover'; readonly through: Victim }
  /** By hand, and repaired by hand after a while. */
  | { readonly kind: 'leaderDocument'; readonly how: 'deleted' | 'rolled back'; readonly forMs: number }
  | { readonly kind: 'ambush'; readonly ambush: Ambush };

export type FaultKind = FaultAct['kind'];
