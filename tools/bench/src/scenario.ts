import type { Lab } from './lab.ts';
import type { Row } from './report.ts';

export interface BenchOptions {
  /** A file whose bytes are published, repeated as needed; made-up log lines without one. */
  readonly data: string | undefined;
  /** Length of one round of a scenario that is measured by time, milliseconds. */
  readonly roundMs: number;
  /** Smaller amounts, for a first look. */
  readonly quick: boolean;
  /** Idle streams that are really made, at least 2; a smaller number than is calculated from them when not given. */
  readonly streams: number | undefined;
}

export interface Scenario {
  readonly name: string;
  readonly help: string;
  readonly run: (lab: Lab, options: BenchOptions) => Promise<Row[]>;
  /** Needs a cluster with Redis; skipped with a word where there is none. */
  readonly redis?: boolean;
  /** Hot standbys of its cluster; none by default, since they would share the two cores. */
  readonly slaves?: number;
  /** Where its cluster keeps everything; an Azurite with a disk by default, as that is what storage is like. */
  readonly storage?: 'many-containers';
  /** Of every node, besides those of its cluster. */
  readonly flags?: readonly string[];
}
