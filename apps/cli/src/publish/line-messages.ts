import { isUtf8 } from 'node:buffer';
import type { OutgoingRecord } from '@message-vault/client';
import { MAX_KEY_BYTES, memberSource } from '@message-vault/framing';
import { type Line, UnusableLine } from './lines.ts';

/** On the last message of an input that did not end in a line feed, so that reading it back can leave it out again. */
export const UNTERMINATED_HEADER = 'mvault-unterminated';

/** How the lines of an input are to be marked. */
export type LineFormat =
  /** Text where it is UTF-8, bytes where it is not. */
  | 'text'
  /** JSON where a line is a JSON value; other lines as `text`. */
  | 'json'
  /** Bytes, whatever they are. */
  | 'bytes';

export interface LineRules {
  readonly format: LineFormat;
  /** Lines that are JSON objects get the value of this member as their key. */
  readonly keyField: string | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Makes a message of every line: the value is the line, byte for byte. Counts what was not as asked for. */
export class LineMessages {
  readonly #rules: LineRules;
  #lines = 0;
  /** Lines that were to be JSON and are not; empty lines aside. */
  notJson = 0;
  /** Lines without a usable key in the key field. */
  withoutKey = 0;

  constructor(rules: LineRules) {
    this.#rules = rules;
  }

  /** Throws UnusableLine. */
  of(line: Line): OutgoingRecord {
    this.#lines += 1;
    const { headers } = this.#rules;
    const marked = line.terminated ? headers : [...headers, [UNTERMINATED_HEADER, '1'] as const];
    const message = { value: line.bytes, headers: marked };
    if (this.#rules.format === 'bytes') return { ...message, kind: 'bytes' };
    if (this.#rules.format === 'text') return { ...message, kind: textOrBytes(line.bytes) };
    const json = parse(line.bytes);
    if (json === undefined) {
      if (line.bytes.byteLength > 0) this.notJson += 1;
      return { ...message, kind: textOrBytes(line.bytes) };
    }
    return { ...message, key: this.#key(json), kind: 'json' };
  }

  /** A number is taken as it is written: two ids that a double can't tell apart are two keys. */
  #key({ text, value }: ParsedLine): string | undefined {
    const { keyField } = this.#rules;
    if (keyField === undefined) return undefined;
    const found =
      typeof value === 'object' && value !== null
        ? Object.entries(value).find(([name]) => name === keyField)?.[1]
        : undefined;
    if (typeof found === 'string') return this.#usableKey(found);
    if (typeof found === 'number' || typeof found === 'boolean')
      return this.#usableKey(memberSource(text, keyField) ?? String(found));
    this.withoutKey += 1;
    return undefined;
  }

  #usableKey(key: string): string {
    if (!key.isWellFormed()) throw new UnusableLine(this.#lines, 'has a key that is no Unicode text');
    if (Buffer.byteLength(key) > MAX_KEY_BYTES)
      throw new UnusableLine(
        this.#lines,
        `has a key of more than ${MAX_KEY_BYTES} bytes, and a message can't`,
      );
    return key;
  }
}

function textOrBytes(bytes: Uint8Array): 'text' | 'bytes' {
  return isUtf8(bytes) ? 'text' : 'bytes';
}

interface ParsedLine {
  readonly text: string;
  readonly value: unknown;
}

/** Undefined when the bytes are no JSON text. */
function parse(bytes: Uint8Array): ParsedLine | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
