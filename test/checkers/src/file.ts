import { createReadStream, createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { encodeEvent, parseEvent } from './codec.ts';
import type { HistoryEvent } from './events.ts';

const FLUSH_CHARS = 64 * 1024;

/** Appends events to a file as they happen. */
export interface HistoryWriter {
  /** Returns at once. Resolves never late: the writer keeps at most what the disk has not taken yet. */
  add(event: HistoryEvent): void;
  /** Everything added is in the file. Throws what went wrong with it, if anything did. */
  close(): Promise<void>;
}

export function openHistory(path: string): HistoryWriter {
  const file = createWriteStream(path);
  const done = finished(file);
  // Whoever records hears of a broken disk when closing, not in the middle of a measurement.
  done.catch(() => {});
  let pending = '';
  return {
    add(event) {
      pending += `${encodeEvent(event)}\n`;
      if (pending.length < FLUSH_CHARS) return;
      file.write(pending);
      pending = '';
    },
    async close() {
      file.end(pending);
      await done;
    },
  };
}

/**
 * The events of a file, in batches as they are read: millions of them pass without all being in memory.
 * Throws HistoryError `malformed`, naming the line; a last line that was cut off is malformed too.
 */
export async function* readHistory(path: string): AsyncGenerator<HistoryEvent[]> {
  let rest = '';
  let line = 0;
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1024 * 1024 })) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield lines.map((text) => parseEvent(text, ++line));
  }
  if (rest !== '') yield [parseEvent(rest, ++line)];
}
