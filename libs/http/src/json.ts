import { HttpProblem, type ProblemCode } from './problems.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface ParsedJson {
  readonly json: unknown;
  /** What it was read from, for those who need a value as it was written (see `memberSource`). */
  readonly text: string;
}

// A BOM is left in, for JSON.parse to refuse: values are stored as they came and would not read back as JSON.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The JSON in a body. Throws `code` unless it is valid UTF-8 and valid JSON. */
export function parseJson(bytes: Uint8Array, code: ProblemCode): ParsedJson {
  const text = decodeText(bytes, code);
  try {
    return { json: JSON.parse(text), text };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it can not be read';
    throw new HttpProblem(code, `the body is not valid JSON: ${why}`);
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeText(bytes: Uint8Array, code: ProblemCode): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new HttpProblem(code, 'the body is not valid UTF-8');
  }
}
