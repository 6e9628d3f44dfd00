import type { ReceivedMessage } from '@message-vault/client';
import { messageOf } from '@message-vault/runtime';
import { Option } from 'commander';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT, UsageError } from '../exit.ts';
import { messageOutput } from '../message-output.ts';
import { type OutputOptions, outputFormat, outputOption } from '../output-options.ts';
import { queueLook } from '../queue-output.ts';
import { Receiver } from '../receive/receiver.ts';
import { plural } from '../text.ts';
import { durationMs, wholeNumber } from '../units.ts';

interface ReceiveCommandOptions extends CommonOptions, OutputOptions {
  readonly ack?: true;
  readonly lock?: true;
  readonly limit?: number;
  readonly wait: number;
  readonly follow?: true;
  readonly concurrency: number;
}

const DEFAULT_WAIT_MS = 5000;
const DEFAULT_CONCURRENCY = 4;
const MAX_CONCURRENCY = 64;

const HELP = `
With --ack each message is acknowledged once it has been printed, and goes from the queue. Killed half-way, nothing is
lost: what was not acknowledged is given out again when its lock ends. Without --ack one message (or --limit) is shown
and given back, to be seen by others again; with --lock it stays locked until its time is up.

  mvault receive myapp/audit --ack                         # all there are; ends when none has come for 5 s
  mvault receive myapp/audit --ack --follow | handle-jobs  # and those to come, until Ctrl-C
  mvault receive myapp/audit --limit 3 --json
`;

export const receiveCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('receive'))
      .argument('<queue>', 'the queue; <name>/dead-letter is one as well')
      .description('take messages from a queue and print them')
      .option('--ack', 'acknowledge what has been printed: it goes from the queue')
      .option('--lock', 'leave what has been printed locked, and print the locks')
      .option('--limit <count>', 'stop after so many messages (default: 1, with --ack all)', wholeNumber)
      .addOption(
        new Option('--wait <duration>', 'end when no message has come for so long')
          .argParser(wait)
          .default(DEFAULT_WAIT_MS, '5s'),
      )
      .option('--follow', 'go on until Ctrl-C')
      .option('--concurrency <count>', 'messages under way at once', wholeNumber, DEFAULT_CONCURRENCY)
      .addOption(outputOption())
      .addHelpText('after', HELP)
      .action((name: string, options: ReceiveCommandOptions) =>
        runCommand(options, (context) => receive(context, name, options)),
      );
  },
};

/** Seconds, when there is no unit. */
function wait(text: string): number {
  return durationMs(/^\d+$/.test(text) ? `${text}s` : text);
}

async function receive(
  context: CommandContext,
  name: string,
  options: ReceiveCommandOptions,
): Promise<number> {
  checkOptions(options);
  const { ack, lock, follow, concurrency } = options;
  const { err, out, signal, interrupt } = context;
  const output = messageOutput(outputFormat(options), queueLook({ withLock: lock === true }));
  const print = async (message: ReceivedMessage): Promise<boolean> => {
    for (const piece of output.render([message])) await out.write(piece);
    // Acknowledged is only what has left this process.
    return await out.finish();
  };
  const receiver = new Receiver({
    queue: context.client().queue(name),
    print,
    afterwards: ack ? 'acknowledge' : lock ? 'keep-locked' : 'give-back',
    limit: options.limit ?? (ack ? Number.POSITIVE_INFINITY : 1),
    concurrency: Math.min(concurrency, options.limit ?? concurrency),
    waitMs: follow ? Number.POSITIVE_INFINITY : options.wait,
    stop: signal,
    onTrouble: (message, error) => err.write(`mvault: ${message.id} comes again: ${messageOf(error)}\n`),
  });
  await out.write(output.opening);
  const { printed, settled } = await receiver.run();
  await out.write(output.closing);
  if (ack && (interrupt.signal.aborted || settled < printed))
    err.write(`mvault: ${plural(printed, 'message')} printed, ${plural(settled, 'message')} acknowledged\n`);
  return EXIT.ok;
}

function checkOptions({ ack, lock, limit, concurrency, follow, ...options }: ReceiveCommandOptions): void {
  if (ack && lock) throw new UsageError('--ack removes a message, --lock leaves it: give one of them');
  if (limit === 0) throw new UsageError('--limit: expected at least 1');
  if (concurrency < 1 || concurrency > MAX_CONCURRENCY)
    throw new UsageError(`--concurrency: expected 1 to ${MAX_CONCURRENCY}`);
  if (follow && outputFormat(options) === 'json')
    throw new UsageError('what has no end is no JSON document: use --output ndjson');
}
