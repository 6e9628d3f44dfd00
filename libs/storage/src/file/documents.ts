import type { DocumentStore } from '../ports.ts';
import { checkBlobName, checkDocument, checkLabel, checkListLimit } from '../rules.ts';
import { type FileCalls, ownBytes } from './calls.ts';

/** Documents as rows of the database, compare-and-swap by ETag. */
export function fileDocuments({ write, repeatable }: FileCalls): DocumentStore {
  return {
    async get(path, options) {
      checkBlobName(path);
      return await repeatable(options, 'getDocument', path);
    },
    async put(path, body, condition, options) {
      checkBlobName(path);
      checkDocument(body);
      checkLabel(options?.label);
      return await write(options, 'putDocument', path, ownBytes(body), { ...condition }, options?.label);
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
