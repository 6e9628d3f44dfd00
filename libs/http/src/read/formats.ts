import type { StoredCommit } from '@message-vault/log';
import type { MessageRange } from './range.ts';
import { commitSlices, messageJson, renderSlices, type Slice, type SliceRange } from './render.ts';

/** One way to give messages of the past. */
export interface ReadFormat {
  readonly contentType: string;
  /** In ETags: the same range looks different in another format. Changes when the rendering does. */
  readonly tag: string;
  /** Commits are given as they are stored. */
  readonly wholeCommits: boolean;
  opening(stream: string): string;
  /** Slices of `commits`; `started` tells whether messages of the same answer came before them. */
  slices(commits: readonly StoredCommit[], range: SliceRange, started: boolean): Generator<Slice>;
  closing(range: MessageRange): string;
  /** Length of the whole answer where it is known before. */
  contentLength?(range: MessageRange): number;
}

const json: ReadFormat = {
  contentType: 'application/json',
  tag: 'j1',
  wholeCommits: false,
  opening: (stream) => `{"stream":"${stream}","messages":[`,
  slices(commits, range, started) {
    let separator = started ? ',\n' : '\n';
    return renderSlices(commits, range, (message) => {
      const text = separator + messageJson(message);
      separator = ',\n';
      return text;
    });
  },
  closing: ({ nextOffset, upToDate }) => `],"nextOffset":${nextOffset},"upToDate":${upToDate}}\n`,
};

const ndjson: ReadFormat = {
  contentType: 'application/x-ndjson',
  tag: 'n1',
  wholeCommits: false,
  opening: () => '',
  slices: (commits, range) => renderSlices(commits, range, (message) => `${messageJson(message)}\n`),
  closing: () => '',
};

const commits: ReadFormat = {
  contentType: 'application/vnd.message-vault.commits',
  tag: 'c1',
  wholeCommits: true,
  opening: () => '',
  slices: (stored, range) => commitSlices(stored, range),
  closing: () => '',
  contentLength: ({ storedBytes }) => storedBytes,
};

export const EVENT_STREAM = 'text/event-stream';

const FORMATS = [json, ndjson, commits];

/** Media types a stream can be read in, the default first. */
export const READ_TYPES: readonly string[] = [...FORMATS.map(({ contentType }) => contentType), EVENT_STREAM];

/** Undefined for event streams. */
export function readFormat(contentType: string): ReadFormat | undefined {
  return FORMATS.find((format) => format.contentType === contentType);
}
