import { clusterCommand } from './commands/cluster.ts';
import { drillCommand } from './commands/drill.ts';
import { namesCommand } from './commands/names.ts';
import { publishCommand } from './commands/publish.ts';
import { readCommand } from './commands/read.ts';
import { repairCommand } from './commands/repair.ts';
import { statsCommand } from './commands/stats.ts';
import { tailCommand } from './commands/tail.ts';
import type { CommandModule } from './context.ts';

/** All commands, in the order `mvault --help` lists them. A new one is a file in commands/ and a line here. */
export const commands: readonly CommandModule[] = [
  publishCommand,
  readCommand,
  tailCommand,
  namesCommand,
  statsCommand,
  clusterCommand,
  repairCommand,
  drillCommand,
];
