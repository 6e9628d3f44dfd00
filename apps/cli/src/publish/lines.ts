const NEWLINE = 0x0a;

/** One line of the input, byte for byte, without its line feed. */
export interface Line {
  readonly bytes: Uint8Array;
  /** False only for the last line of an input that does not end in a line feed. */
  readonly terminated: boolean;
}

/** No message can be made of a line. */
export class UnusableLine extends Error {
  override readonly name = 'UnusableLine';

  /** `lineNumber` is counted from 1; `why` goes on after it. */
  constructor(lineNumber: number, why: string) {
    super(`line ${lineNumber} ${why}`);
  }
}

/**
 * Cuts pieces of input into lines at every line feed, and nowhere else: a carriage return, a zero byte or half a
 * character are bytes like any other. Holds no more than one line that is not complete yet.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #lines = 0;
  #tooLong: UnusableLine | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The lines that `piece` completes; views of it where possible. A line that is too long is told of by the next call,
   * of `check` for instance, which throws UnusableLine: the lines before it are given first.
   */
  push(piece: Uint8Array): Line[] {
    this.check();
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      if (this.#isTooLong(end - start)) return lines;
      lines.push({ bytes: this.#complete(piece.subarray(start, end)), terminated: true });
      start = end + 1;
    }
    const rest = piece.subarray(start);
    if (rest.byteLength > 0 && !this.#isTooLong(rest.byteLength)) {
      this.#rest.push(rest);
      this.#restBytes += rest.byteLength;
    }
    return lines;
  }

  /** What is left when the input has ended: a line without a line feed, or nothing. Throws UnusableLine. */
  end(): Line[] {
    this.check();
    return this.#restBytes === 0 ? [] : [{ bytes: this.#complete(new Uint8Array()), terminated: false }];
  }

  /** Throws UnusableLine if there was a line that is too long, whether or not more input ever comes. */
  check(): void {
    if (this.#tooLong !== undefined) throw this.#tooLong;
  }

  #complete(bytes: Uint8Array): Uint8Array {
    this.#lines += 1;
    if (this.#rest.length === 0) return bytes;
    const whole = Buffer.concat([...this.#rest, bytes]);
    this.#rest = [];
    this.#restBytes = 0;
    return whole;
  }

  #isTooLong(moreBytes: number): boolean {
    if (this.#restBytes + moreBytes <= this.#maxBytes) return false;
    const why = `has more than ${this.#maxBytes} bytes, and a message can't`;
    this.#tooLong = new UnusableLine(this.#lines + 1, why);
    return true;
  }
}
