import { Buffer, isUtf8 } from 'node:buffer';
import { FramingError, type FramingErrorCode } from './errors.ts';
import { MAX_VARINT_BYTES } from './varint.ts';

/** Up to this many bytes a loop that finds only ASCII beats making a view for the native check. */
const SHORT_TEXT_BYTES = 48;

/**
 * Reads variable-length parts front to back without allocating for what it only checks. Never reads at or past
 * `end`; every length is compared with what is left before it is used.
 */
export class Cursor {
  readonly bytes: Buffer;
  /** Added to positions in errors: where byte 0 of `bytes` would stand in what the caller was given. */
  readonly base: number;
  end: number;
  at: number;

  constructor(bytes: Uint8Array, range: { start: number; end: number; base: number }) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.base = range.base;
    this.at = range.start;
    this.end = range.end;
  }

  fail(code: FramingErrorCode, at: number, detail: string): never {
    throw new FramingError(code, this.base + at, detail);
  }

  byte(what: string): number {
    if (this.at >= this.end) this.fail('bad_record', this.at, `${what} is missing`);
    return this.bytes[this.at++] ?? 0;
  }

  /** A varint in its shortest form. */
  varint(what: string): number {
    const first = this.byte(what);
    return first < 0x80 ? first : this.#longVarint(first, what);
  }

  #longVarint(first: number, what: string): number {
    const start = this.at - 1;
    let value = first & 0x7f;
    let scale = 128;
    for (let length = 2; length <= MAX_VARINT_BYTES; length += 1) {
      const byte = this.byte(what);
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte >= 0x80) continue;
      if (byte === 0) this.fail('bad_record', start, `${what} is not in its shortest form`);
      if (value > 0xffffffff) this.fail('bad_record', start, `${what} is above 2^32 - 1`);
      return value;
    }
    return this.fail('bad_record', start, `${what} is longer than ${MAX_VARINT_BYTES} bytes`);
  }

  /** Steps over `length` bytes of text, checking that they are there, within the limit and valid UTF-8. */
  skipText(length: number, maxBytes: number, what: string): void {
    if (length > maxBytes)
      this.fail('too_large', this.at, `${what} has ${length} bytes, at most ${maxBytes} allowed`);
    if (length > this.end - this.at) this.fail('bad_record', this.at, `${what} reaches past its record`);
    if (!this.#isText(length)) this.fail('bad_utf8', this.at, `${what} is not valid UTF-8`);
    this.at += length;
  }

  /** As skipText, and returns the text. */
  text(length: number, maxBytes: number, what: string): string {
    const start = this.at;
    this.skipText(length, maxBytes, what);
    return this.bytes.toString('utf8', start, this.at);
  }

  /** The bytes from `start` to `end`, not copied. */
  view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, end - start);
  }

  #isText(length: number): boolean {
    const end = this.at + length;
    if (length <= SHORT_TEXT_BYTES && this.#isAscii(end)) return true;
    return isUtf8(this.bytes.subarray(this.at, end));
  }

  #isAscii(end: number): boolean {
    let bits = 0;
    for (let at = this.at; at < end; at += 1) bits |= this.bytes[at] ?? 0;
    return bits < 0x80;
  }
}
