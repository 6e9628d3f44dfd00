import { clusterCommand } from './commands/cluster.ts';
import { drillCommand } from './commands/drill.ts';
import { listenCommand } from './commands/listen.ts';
import { namesCommand } from './commands/names.ts';
import { peekCommand } from './commands/peek.ts';
import { publishCommand } from './commands/publish.ts';
import { readCommand } from './commands/read.ts';
import { receiveCommand } from './commands/receive.ts';
import { redriveCommand } from './commands/redrive.ts';
import { relayCommand } from './commands/relay.ts';
import { repairCommand } from './commands/repair.ts';
import { rotateSecretCommand } from './commands/rotate-secret.ts';
import { statsCommand } from './commands/stats.ts';
import { subscribeCommand } from './commands/subscribe.ts';
import { subscriptionsCommand, unsubscribeCommand } from './commands/subscriptions.ts';
import { tailCommand } from './commands/tail.ts';
import type { CommandModule } from './context.ts';

/** All commands, in the order `mvault --help` lists them. A new one is a file in commands/ and a line here. */
export const commands: readonly CommandModule[] = [
  publishCommand,
  readCommand,
  tailCommand,
  receiveCommand,
  peekCommand,
  listenCommand,
  subscribeCommand,
  unsubscribeCommand,
  subscriptionsCommand,
  redriveCommand,
  relayCommand,
  namesCommand,
  statsCommand,
  clusterCommand,
  repairCommand,
  rotateSecretCommand,
  drillCommand,
];
