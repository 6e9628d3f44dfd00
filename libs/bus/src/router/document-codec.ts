import { DocumentError } from '@message-vault/metadata';
import type { z } from 'zod';
import type { DocumentCodec } from './claimed-document.ts';

/** JSON of what passes `schema`. `parse` throws DocumentError naming `what`. Not checked again on the way out: that is code. */
export function codecOf<Body>(schema: z.ZodType<Body>, what: string): DocumentCodec<Body> {
  return {
    encode: (body) => new TextEncoder().encode(JSON.stringify(body)),
    parse: (bytes) => {
      const result = schema.safeParse(fromJson(bytes, what));
      if (result.success) return result.data;
      const [problem] = result.error.issues;
      const where = problem === undefined ? '' : ` at ${problem.path.join('.')}: ${problem.message}`;
      throw new DocumentError('malformed', `${what} has the wrong shape${where}`, { cause: result.error });
    },
  };
}

function fromJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DocumentError('malformed', `${what} is not JSON`, { cause });
  }
}
