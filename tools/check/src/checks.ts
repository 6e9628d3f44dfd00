import { layerFindings } from './layers/layers.ts';
import { trackedFileFindings } from './tracked-files.ts';

/** One thing the repository checks about itself: a program to run, or a function that returns what it found. */
export type Check = {
  name: string;
  /** What it is there to find, for --help. */
  finds: string;
} & ({ command: readonly [program: string, ...args: string[]] } | { find: () => Promise<string[]> });

/** The slowest first, so that two at a time end together. Programs come from node_modules/.bin, put in PATH by npm. */
export const checks: readonly Check[] = [
  {
    name: 'types',
    finds: 'type errors, in the whole workspace as one program (tsc)',
    command: ['tsc', '--noEmit', '-p', 'tsconfig.json'],
  },
  {
    name: 'layers',
    finds: 'imports upwards, past a package’s public door, in a circle or to nowhere',
    find: () => layerFindings(process.cwd()),
  },
  {
    name: 'lint',
    finds: 'lint findings and files not formatted (biome)',
    command: ['biome', 'check', '--error-on-warnings', '.'],
  },
  {
    name: 'deadcode',
    finds: 'unused files, exports and dependencies, and dependencies not declared (knip)',
    command: ['knip', '--no-progress', '--treat-config-hints-as-errors'],
  },
  {
    name: 'files',
    finds: 'machine paths, registry addresses, unfinished marks, ambient time in the core, files too long',
    find: () => trackedFileFindings(process.cwd()),
  },
];
