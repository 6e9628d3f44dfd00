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
      .argument('<name>', 'the stream')
      .description('where a stream begins and ends, and how much it holds')
      .action((name: string, options: CommonOptions) =>
        runCommand(options, (context) => stats(context, name, options)),
      );
  },
};

async function stats(context: CommandContext, name: string, options: CommonOptions): Promise<number> {
  const found = await context.client().stats(name, { signal: context.signal });
  if (options.json) {
    await context.out.write(`${JSON.stringify(found)}\n`);
    return EXIT.ok;
  }
  const messages = found.nextSequenceNumber - found.earliestSequenceNumber;
  const rows = [
    ['stream', found.stream],
    ['messages', countText(messages)],
    ['stored', bytesText(found.bytes)],
    ['sequence numbers', `${found.earliestSequenceNumber} up to ${found.nextSequenceNumber}, the next`],
    ['offsets', `${found.earliestOffset} up to ${found.nextOffset}, the next`],
    ['first', timeText(found.firstTimestamp)],
    ['last', timeText(found.lastTimestamp)],
  ];
  await context.out.write(columns(rows));
  return EXIT.ok;
}
