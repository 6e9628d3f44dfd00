import type { ReadChunk, VaultMessage } from '@message-vault/client';
import { Option } from 'commander';
import { OUTPUT_FORMATS, type OutputFormat } from './message-output.ts';

export interface OutputOptions {
  readonly output?: OutputFormat;
  readonly json?: true;
}

export function outputOption(): Option {
  const help = 'values: value and line feed; pretty: for people (default: pretty on a terminal, else ndjson)';
  return new Option('-o, --output <format>', help).choices([...OUTPUT_FORMATS]);
}

/** `--json` is for every command; where messages are printed it means one JSON object a line. */
export function outputFormat(options: OutputOptions): OutputFormat {
  if (options.output !== undefined) return options.output;
  return options.json || !process.stdout.isTTY ? 'ndjson' : 'pretty';
}

/** The messages of each chunk, to be used up before the next is asked for, ending after `limit` of them all. */
export async function* limited(
  chunks: AsyncIterable<ReadChunk>,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<Iterable<VaultMessage>, void, undefined> {
  const budget = { left: limit };
  if (budget.left <= 0) return;
  for await (const { messages } of chunks) {
    yield take(messages, budget);
    if (budget.left <= 0) return;
  }
}

/** One by one: a chunk that was well compressed may have more messages than should be held at once. */
function* take(
  messages: Iterable<VaultMessage>,
  budget: { left: number },
): Generator<VaultMessage, void, undefined> {
  for (const message of messages) {
    budget.left -= 1;
    yield message;
    if (budget.left <= 0) return;
  }
}
