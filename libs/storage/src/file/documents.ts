import type { DocumentStore } from '../ports.ts';
import { checkBlobName, checkDocument, checkLabel, checkListLimit } from '../rules.ts';
import { type FileCalls, ownBytes } from './calls.ts';
import type { FileClock } from './clock.ts';

/** Documents as rows of the database, compare-and-swap by ETag. */
export function fileDocuments({ write, repeatable }: FileCalls, clock: FileClock): DocumentStore {
  return {
    async get(path, options) {
      checkBlobName(path);
      return await repeatable(options, 'getDocument', path, clock.now());
    },
    async put(path, body, condition, options) {
      checkBlobName(path);
      checkDocument(body);
      checkLabel(options?.label);
      const given = [path, ownBytes(body), { ...condition }, clock.now(), options?.label] as const;
      return await write(options, 'putDocument', ...given);
    },
    async delete(path, { ifMatch }, options) {
      checkBlobName(path);
      await write(options, 'deleteDocument', path, ifMatch);
    },
    async list(prefix, { limit, cursor } = {}, options) {
      return await repeatable(options, 'listDocuments', prefix, checkListLimit(limit), cursor);
    },
  };
}
