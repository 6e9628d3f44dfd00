import type { z } from 'zod';
import { DocumentError } from './errors.ts';

/** UTF-8 JSON of `value` after it passed `schema`: what does not hold can't be stored. */
export function encodeDocument<T>(schema: z.ZodType<T>, value: T): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(schema.parse(value)));
}

/** The document in `body`, checked. Throws DocumentError naming `what`. */
export function parseDocument<T>(schema: z.ZodType<T>, body: Uint8Array, what: string): T {
  const json = parseJson(body, what);
  checkVersion(json, what);
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problem = result.error.issues[0];
  const where = problem === undefined ? '' : ` at ${problem.path.join('.') || 'the top'}: ${problem.message}`;
  throw new DocumentError('malformed', `${what} has the wrong shape${where}`, { cause: result.error });
}

function parseJson(body: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new DocumentError('malformed', `${what} is not JSON`, { cause });
  }
}

function checkVersion(json: unknown, what: string): void {
  if (typeof json !== 'object' || json === null || !('version' in json)) {
    throw new DocumentError('malformed', `${what} has no version`);
  }
  if (json.version !== 1) {
    throw new DocumentError(
      'unsupported_version',
      `${what} has version ${JSON.stringify(json.version)}, expected 1`,
    );
  }
}
