import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { warningIn } from './warnings.ts';

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_LINE_CHARS = 64 * 1024;
const KEEP_LAST_LINES = 20;
/** A process in trouble may warn thousands of times a second: a person gets this many lines per window. */
const SHOWN_PER_WINDOW = 12;
const WINDOW_MS = 10_000;

type Origin = 'stdout' | 'stderr';

/** What one process prints: all of it into a file (the last two of 64 MiB), and its warnings to a person. */
export class ProcessLog {
  readonly path: string;
  readonly #id: string;
  readonly #say: (line: string) => void;
  readonly #last: string[] = [];
  #file: WriteStream | undefined;
  #bytes: number;
  #windowStart = Number.NEGATIVE_INFINITY;
  #shown = 0;

  constructor(options: { id: string; path: string; say: (line: string) => void }) {
    this.#id = options.id;
    this.#say = options.say;
    this.path = options.path;
    mkdirSync(dirname(this.path), { recursive: true });
    this.#bytes = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
    this.#file = this.#open();
  }

  /** The last lines printed, oldest first. */
  get lastLines(): readonly string[] {
    return this.#last;
  }

  /** Takes up everything `stream` brings, line by line, until it ends; no faster than the disk takes it. */
  follow(stream: Readable, origin: Origin): void {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARS);
      for (const line of lines) this.#line(line, origin);
      if (this.#file?.writableNeedDrain) {
        stream.pause();
        this.#file.once('drain', () => stream.resume());
      }
    });
    stream.on('end', () => {
      if (rest !== '') this.#line(rest, origin);
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#file) resolve();
      else this.#file.end(() => resolve());
    });
  }

  #line(line: string, origin: Origin): void {
    this.#write(`${line}\n`);
    this.#last.push(line);
    if (this.#last.length > KEEP_LAST_LINES) this.#last.shift();
    const warning = warningIn(line, origin);
    if (warning !== undefined) this.#show(warning);
  }

  #write(text: string): void {
    this.#bytes += Buffer.byteLength(text);
    if (this.#file && this.#bytes > MAX_FILE_BYTES) {
      this.#file.end();
      renameSync(this.path, `${this.path}.1`);
      this.#bytes = Buffer.byteLength(text);
      this.#file = this.#open();
    }
    this.#file?.write(text);
  }

  /** A log that can't be written must not end the cluster: it is said once, and the processes go on. */
  #open(): WriteStream {
    const file = createWriteStream(this.path, { flags: 'a' });
    file.on('error', (error) => {
      if (this.#file !== file) return;
      this.#file = undefined;
      file.emit('drain');
      this.#say(`[${this.#id}] its log is no longer written: ${error.message}`);
    });
    return file;
  }

  #show(text: string): void {
    const now = performance.now();
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now;
      this.#shown = 0;
    }
    this.#shown += 1;
    if (this.#shown < SHOWN_PER_WINDOW) this.#say(`[${this.#id}] ${text}`);
    else if (this.#shown === SHOWN_PER_WINDOW) this.#say(`[${this.#id}] … more of this in ${this.path}`);
  }
}
