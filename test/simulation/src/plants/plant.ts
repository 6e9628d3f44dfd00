import type { NodePorts } from '@message-vault/http';
import type { Storage } from '@message-vault/storage';
import type { Wakeup } from '@message-vault/wakeup';
import type { Profile } from '../run/profiles.ts';
import type { Setup } from '../run/setup.ts';
import type { SimProcess } from '../world/process.ts';

/** A bug put in on purpose, by bending what passes through a port: the simulation has to find it. */
export interface Plant {
  readonly name: string;
  /** What is wrong, and how it comes about. */
  readonly says: string;
  /** The runs that have to find it: those of streams when not given. */
  readonly profile?: Profile;
  /** At the storage's end of the line of one process: calls arrive here after all delays, and as often as they do. */
  readonly behindLine?: (storage: Storage) => Storage;
  /** At the node's end of the line: dies with the process. `wakeup` is the node's own. */
  readonly beforeLine?: (storage: Storage, process: SimProcess, wakeup: Wakeup) => Storage;
  /** Between the front and the node, whose storage is given too. */
  readonly ports?: (ports: NodePorts, storage: Storage) => NodePorts;
  /** What a run must have for the bug to show, where that comes together too seldom by chance. */
  readonly provoke?: (setup: Setup) => Setup;
}
