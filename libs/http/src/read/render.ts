import { contentJson, encodeOffset } from '@message-vault/framing';
import { iterateMessages, type ReadMessage, type StoredCommit } from '@message-vault/log';

/** Characters after which what was rendered so far goes out: enough to make writes cheap, little enough to hold many. */
const SLICE_CHARS = 48 * 1024;

/** A piece of an answer, ending between two messages. */
export interface Slice {
  readonly bytes: Uint8Array;
  /** Where this piece starts and where the next one does. */
  readonly from: number;
  readonly nextOffset: number;
  readonly messages: number;
}

export interface SliceRange {
  /** Messages before it are left out. */
  readonly from: number;
  /** Messages from here on are left out. */
  readonly until: number;
}

/** Text of one message; `nextOffset` is where to go on after it. */
export type RenderMessage = (message: ReadMessage, nextOffset: number) => string;

/** Offset of whatever comes after a commit. */
export function endOfCommit({ header }: StoredCommit): number {
  return encodeOffset(header.page + header.pages, 0);
}

/**
 * Renders the messages of `commits` within `range`, a slice at a time and no further than is asked for. The last slice,
 * perhaps without bytes, reaches to the end of the range or of the commits.
 */
export function* renderSlices(
  commits: readonly StoredCommit[],
  range: SliceRange,
  render: RenderMessage,
): Generator<Slice> {
  let text = '';
  let from = range.from;
  let messages = 0;
  let at = range.from;
  for (const commit of commits) {
    const end = endOfCommit(commit);
    const last = end <= range.until ? encodeOffset(commit.header.page, commit.header.messageCount) - 1 : -1;
    for (const message of iterateMessages([commit], range.from)) {
      if (message.offset >= range.until) break;
      at = message.offset === last ? end : message.offset + 1;
      text += render(message, at);
      messages += 1;
      if (text.length < SLICE_CHARS) continue;
      yield { bytes: Buffer.from(text), from, nextOffset: at, messages };
      text = '';
      from = at;
      messages = 0;
    }
    at = Math.max(at, Math.min(end, range.until));
  }
  yield { bytes: Buffer.from(text), from, nextOffset: at, messages };
}

/** The stored bytes of each commit as they are. */
export function* commitSlices(commits: readonly StoredCommit[], range: SliceRange): Generator<Slice> {
  let from = range.from;
  for (const commit of commits) {
    const nextOffset = endOfCommit(commit);
    if (nextOffset > range.until) return;
    yield { bytes: commit.bytes, from, nextOffset, messages: commit.header.messageCount };
    from = nextOffset;
  }
}

/** A message as a line: no line breaks inside, whatever its value. */
export function messageJson(message: ReadMessage): string {
  return `{"offset":${message.offset},"sequenceNumber":${message.sequenceNumber},"timestamp":${message.timestamp},"id":"${message.id}",${contentJson(message)}}`;
}

export function messageEvent(message: ReadMessage, nextOffset: number): string {
  return `id: ${nextOffset}\ndata: ${messageJson(message)}\n\n`;
}
