import { HttpProblem, type ProblemCode } from './problems.ts';

declare global {
  interface JSON {
    /** The third argument (ES2026, in Node since 21) has the text a number was read from. */
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
    /** A value that `stringify` writes as the very text given (ES2026, in Node since 21). */
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

// A BOM is left in, for JSON.parse to refuse: values are stored as they came and would not read back as JSON.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Numbers a double can't hold (identifiers of 64 bits, long decimals, huge exponents) have 16 digits or more, or an
 * exponent. Only a text with something like that takes the slow way.
 */
const RISKY_NUMBER = /[\d.]{16}|\d[eE][+-]?\d/;

/** Valid UTF-8, or a problem `code`. */
export function decodeText(bytes: Uint8Array, code: ProblemCode): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new HttpProblem(code, 'the body is not valid UTF-8');
  }
}

/** Throws `code` unless the bytes are JSON. */
export function checkJson(bytes: Uint8Array, code: ProblemCode): void {
  parseWith(bytes, code, (text) => JSON.parse(text));
}

/** The JSON in a body, every number in it such that `writeJson` gives back what the client wrote. Throws `code`. */
export function parseJson(bytes: Uint8Array, code: ProblemCode): unknown {
  return parseWith(bytes, code, (text) =>
    RISKY_NUMBER.test(text) ? JSON.parse(text, keepNumber) : JSON.parse(text),
  );
}

function parseWith(bytes: Uint8Array, code: ProblemCode, parse: (text: string) => unknown): unknown {
  const text = decodeText(bytes, code);
  try {
    return parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it can not be read';
    throw new HttpProblem(code, `the body is not valid JSON: ${why}`);
  }
}

/** UTF-8 JSON of what `parseJson` read. Throws `code` for what is nested deeper than the stack reaches. */
export function writeJson(value: unknown, code: ProblemCode): Buffer {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch (cause) {
    throw new HttpProblem(code, 'a JSON value is nested too deeply', {}, { cause });
  }
}

function keepNumber(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined) return value;
  return String(value) === source ? value : JSON.rawJSON(source);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}
