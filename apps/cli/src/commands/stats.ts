import type { NameStats, QueueStats, RouterStats, StreamStats } from '@message-vault/client';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import { bytesText, columns, countText, timeText } from '../text.ts';

export const statsCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('stats'))
      .argument('<name>', 'a stream, a queue or a router')
      .description('what a name holds: how much, from where to where, how old')
      .action((name: string, options: CommonOptions) =>
        runCommand(options, (context) => stats(context, name, options)),
      );
  },
};

async function stats(context: CommandContext, name: string, options: CommonOptions): Promise<number> {
  const found = await context.client().name(name).stats({ signal: context.signal });
  const { role: _role, ...told } = found;
  await context.out.answer(options, told, columns(rowsOf(found)));
  return EXIT.ok;
}

function rowsOf(found: NameStats): string[][] {
  if (found.role === 'queue') return queueRows(found);
  return found.role === 'router' ? routerRows(found) : streamRows(found);
}

function streamRows(found: StreamStats): string[][] {
  return [
    ['stream', found.stream],
    ['messages', countText(found.nextSequenceNumber - found.earliestSequenceNumber)],
    ['stored', bytesText(found.bytes)],
    ['sequence numbers', `${found.earliestSequenceNumber} up to ${found.nextSequenceNumber}, the next`],
    ['offsets', `${found.earliestOffset} up to ${found.nextOffset}, the next`],
    ['first', timeText(found.firstTimestamp)],
    ['last', timeText(found.lastTimestamp)],
  ];
}

function queueRows(found: QueueStats): string[][] {
  const age = found.oldestAgeSeconds;
  return [
    ['queue', found.queue],
    ['messages', countText(found.depth)],
    ['locked', countOrDash(found.locked)],
    ['dead-lettered', countOrDash(found.deadLettered)],
    ['oldest', age === undefined ? '-' : `${age.toFixed(1)} s old`],
  ];
}

function routerRows(found: RouterStats): string[][] {
  return [
    ['router', found.router],
    ['distributes to', found.distribution],
    ['subscriptions', countText(found.subscriptions)],
    ['listeners', countOrDash(found.listeners)],
    ['furthest behind', countOrDash(found.maxLag)],
    ['dead-lettered', countOrDash(found.deadLettered)],
    ['next offset', found.nextOffset === undefined ? '-' : String(found.nextOffset)],
  ];
}

function countOrDash(count: number | undefined): string {
  return count === undefined ? '-' : countText(count);
}
