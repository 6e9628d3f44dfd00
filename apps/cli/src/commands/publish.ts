import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { isVaultClientError, type OutgoingRecord } from '@message-vault/client';
import { messageOf } from '@message-vault/runtime';
import { InvalidArgumentError, Option } from 'commander';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { CommandFailure, EXIT, exitCodeOf, UsageError } from '../exit.ts';
import { type LineFormat, LineMessages } from '../publish/line-messages.ts';
import { type LineInput, LinePublisher, type LinePublishing } from '../publish/line-publisher.ts';
import { Progress, rateText } from '../publish/progress.ts';
import { bytesText, plural } from '../text.ts';
import { durationMs, sizeBytes } from '../units.ts';

type Headers = readonly (readonly [name: string, value: string])[];

interface PublishCommandOptions extends CommonOptions {
  readonly file?: string;
  readonly message?: string;
  readonly key?: string;
  readonly keyField?: string;
  readonly header?: Headers;
  readonly format?: LineFormat;
  readonly codec: 'none' | 'zstd';
  readonly batchBytes?: number;
  readonly delay?: number;
  readonly ttl?: number;
  readonly quiet?: true;
}

/** After Ctrl-C: how long what is under way may take to be acknowledged. */
const GRACE_MS = 5000;
const READ_BYTES = 1024 * 1024;
const JSON_LINES = new Set(['.ndjson', '.jsonl']);

const HELP = `
Each line is a message, byte for byte, without its line feed. Without --file or --message lines are read from a pipe.

  mvault publish orders --file events.ndjson --key-field id
  tail -F app.log | mvault publish logs/app
  mvault publish orders --message '{"sku":1}' --format json
  mvault publish jobs --message 'look again' --delay 10m --ttl 1h     # into a queue
`;

export const publishCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('publish'))
      .argument('<name>', 'a stream, a queue or a router')
      .description('publish lines of a file or a pipe, or one message')
      .option('-f, --file <file>', 'publish the lines of a file (- for standard input)')
      .option('-m, --message <text>', 'publish this one message')
      .option('--key <key>', 'key of the message (with --message)')
      .option('--key-field <member>', 'lines are JSON objects: the key is the value of this member')
      .option('--header <name=value>', 'a header for every message; repeat for several', collectHeader)
      .addOption(
        new Option(
          '--format <format>',
          'what the lines are: json is marked as such where it is valid',
        ).choices(['text', 'json', 'bytes']),
      )
      .addOption(
        new Option('--codec <codec>', 'compression of the batches').choices(['none', 'zstd']).default('none'),
      )
      .option('--batch-bytes <size>', 'size of a full batch, for example 256KiB', sizeBytes)
      .option('--delay <duration>', 'queues: nobody gets the messages before that', durationMs)
      .option('--ttl <duration>', 'queues: messages nobody has taken by then are gone', durationMs)
      .option('-q, --quiet', 'no progress, no summary')
      .addHelpText('after', HELP)
      .action((name: string, options: PublishCommandOptions) =>
        runCommand(options, (context) => publish(context, name, options)),
      );
  },
};

function collectHeader(text: string, before: Headers = []): Headers {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected name=value');
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}

async function publish(
  context: CommandContext,
  name: string,
  options: PublishCommandOptions,
): Promise<number> {
  if (options.message !== undefined) return await publishOne(context, name, options, options.message);
  if (options.key !== undefined)
    throw new UsageError('--key goes with --message; for lines there is --key-field');
  if (options.file === undefined && process.stdin.isTTY) {
    throw new UsageError('nothing to publish: give --file or --message, or pipe lines in');
  }
  return await publishLines(context, name, options);
}

async function publishOne(
  context: CommandContext,
  name: string,
  options: PublishCommandOptions,
  text: string,
): Promise<number> {
  if (options.file !== undefined) throw new UsageError('give --file or --message, not both');
  const { key, keyField } = options;
  if (key !== undefined && keyField !== undefined)
    throw new UsageError('give --key or --key-field, not both');
  const messages = lineMessages(options);
  const message = messages.of({ bytes: Buffer.from(text), terminated: true });
  const record: OutgoingRecord = key === undefined ? message : { ...message, key };
  const { signal } = context;
  const result = await client(context, options).publish(name, record, { ...timesOf(options), signal });
  const summary =
    result.messageIds === undefined
      ? `stored as message ${result.firstSequenceNumber} of ${name}, offset ${result.firstOffset}\n`
      : `enqueued in ${name} as ${result.messageIds.join(', ')}\n`;
  await context.out.answer(options, result, options.quiet ? '' : summary);
  if (!options.quiet) notices(context, { messages, options });
  return EXIT.ok;
}

function timesOf({ delay, ttl }: PublishCommandOptions) {
  return { delayMs: delay, timeToLiveMs: ttl };
}

function client(context: CommandContext, options: PublishCommandOptions) {
  return context.client({ codec: options.codec, maxBatchBytes: options.batchBytes });
}

async function publishLines(
  context: CommandContext,
  name: string,
  options: PublishCommandOptions,
): Promise<number> {
  const input = await openInput(options.file);
  const messages = lineMessages(options);
  const progress = options.quiet ? undefined : new Progress(context.err, input.bytes);
  const startedAt = performance.now();
  const { stop, abandon, cancel } = stopping(context, input.stream);
  const publisher = new LinePublisher({
    client: client(context, options),
    stream: name,
    messages,
    times: timesOf(options),
    stop,
    abandon,
    onProgress: (acknowledged) => progress?.show(acknowledged),
  });
  context.interrupt.onSecond = () => tellInterrupted(context, publisher.acknowledged.messages);
  const done = await publisher.run(input.stream);
  cancel();
  progress?.stop();
  return await conclude(context, { name, options, messages, done, elapsedMs: performance.now() - startedAt });
}

interface Input {
  readonly stream: LineInput;
  /** Undefined where it is not known beforehand. */
  readonly bytes: number | undefined;
}

async function openInput(file: string | undefined): Promise<Input> {
  if (file === undefined || file === '-') return { stream: process.stdin, bytes: undefined };
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw new CommandFailure(`${file} is a folder`);
    return {
      stream: createReadStream(file, { highWaterMark: READ_BYTES }),
      bytes: found.isFile() ? found.size : undefined,
    };
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    throw new CommandFailure(`can't read ${file}: ${messageOf(cause)}`, EXIT.failure, { cause });
  }
}

function lineMessages(options: PublishCommandOptions): LineMessages {
  const { keyField, header = [] } = options;
  return new LineMessages({ format: formatOf(options), keyField, headers: header });
}

function formatOf(options: PublishCommandOptions): LineFormat {
  if (options.format !== undefined) return options.format;
  const isJson = options.keyField !== undefined || JSON_LINES.has(extname(options.file ?? '').toLowerCase());
  return isJson ? 'json' : 'text';
}

/** Ctrl-C ends the reading at once, and after a while of grace also what is under way. */
function stopping(context: CommandContext, input: LineInput) {
  const abandon = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const { signal } = context.interrupt;
  const onStop = (): void => {
    input.destroy();
    timer = setTimeout(() => abandon.abort(new Error('interrupted')), GRACE_MS);
  };
  signal.addEventListener('abort', onStop, { once: true });
  const cancel = (): void => {
    signal.removeEventListener('abort', onStop);
    clearTimeout(timer);
    input.destroy();
  };
  return { stop: signal, abandon: abandon.signal, cancel };
}

interface Conclusion {
  readonly name: string;
  readonly options: PublishCommandOptions;
  readonly messages: LineMessages;
  readonly done: LinePublishing;
  readonly elapsedMs: number;
}

async function conclude(context: CommandContext, conclusion: Conclusion): Promise<number> {
  const { options, done, name, elapsedMs } = conclusion;
  const interrupted = context.interrupt.signal.aborted;
  const { messages, bytes } = done.acknowledged;
  if (options.json) await context.out.write(`${JSON.stringify(summaryJson(conclusion, interrupted))}\n`);
  else if (interrupted) tellInterrupted(context, messages);
  else if (!options.quiet && done.error === undefined) {
    const rate = rateText(done.acknowledged, elapsedMs);
    const seconds = (elapsedMs / 1000).toFixed(1);
    await context.out.write(
      `published ${plural(messages, 'message')}, ${bytesText(bytes)}, to ${name} in ${seconds} s (${rate})\n`,
    );
  }
  if (!options.quiet) notices(context, conclusion);
  if (done.error === undefined || interrupted) return EXIT.ok;
  throw failure(done);
}

function tellInterrupted(context: CommandContext, acknowledged: number): void {
  context.err.write(`mvault: interrupted; ${plural(acknowledged, 'message')} acknowledged\n`);
}

function summaryJson({ name, done, elapsedMs }: Conclusion, interrupted: boolean) {
  return {
    stream: name,
    acknowledged: done.acknowledged.messages,
    bytes: done.acknowledged.bytes,
    read: done.read,
    // A queue has no offsets: NaN, which JSON writes as null.
    firstOffset: done.first?.firstOffset ?? null,
    nextOffset: done.last?.nextOffset ?? null,
    firstSequenceNumber: done.first?.firstSequenceNumber ?? null,
    elapsedMs: Math.round(elapsedMs),
    interrupted,
  };
}

function notices(
  context: CommandContext,
  { messages, options }: Pick<Conclusion, 'messages' | 'options'>,
): void {
  const { notJson, withoutKey } = messages;
  if (notJson > 0) context.err.write(`mvault: ${plural(notJson, 'line')} not JSON, published as they are\n`);
  if (withoutKey > 0)
    context.err.write(
      `mvault: ${plural(withoutKey, 'line')} without ${options.keyField}, published without a key\n`,
    );
}

function failure({ error, acknowledged }: LinePublishing): CommandFailure {
  const text = messageOf(error);
  const code = isVaultClientError(error) ? exitCodeOf(error) : EXIT.failure;
  return new CommandFailure(`${text}; ${plural(acknowledged.messages, 'message')} acknowledged`, code, {
    cause: error,
  });
}
