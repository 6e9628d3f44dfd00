import type { Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import type { DocumentStore } from '../ports.ts';
import { checkBlobName, checkDocument, checkLabel, checkListLimit } from '../rules.ts';
import { answerRepeatable, answerWrite } from './answers.ts';

interface Kept {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly label: string | undefined;
  /** By the monotonic clock. */
  readonly changedAt: number;
}

/** Documents in this process's memory, compare-and-swap by ETag. `nextEtag` gives versions never given before. */
export function memoryDocuments(nextEtag: () => string, runtime: Runtime): DocumentStore {
  const documents = new Map<string, Kept>();

  function mustBeAt(path: string, etag: string): void {
    const current = documents.get(path);
    if (current === undefined) throw new StorageError('not_found', `there is no document ${path}`);
    if (current.etag !== etag)
      throw new StorageError('etag_mismatch', `document ${path} is at ${current.etag}, not ${etag}`);
  }

  return {
    get: (path, options) =>
      answerRepeatable(options, () => {
        checkBlobName(path);
        const found = documents.get(path);
        if (found === undefined) return undefined;
        const { body, etag, label, changedAt } = found;
        return { body: body.slice(), etag, label, unchangedMs: runtime.monotonic() - changedAt };
      }),
    put: (path, body, condition, options) =>
      answerWrite(options, () => {
        checkBlobName(path);
        checkDocument(body);
        checkLabel(options?.label);
        if ('ifMatch' in condition) mustBeAt(path, condition.ifMatch);
        else if (documents.has(path)) throw new StorageError('already_exists', `document ${path} is there`);
        const etag = nextEtag();
        const changedAt = runtime.monotonic();
        documents.set(path, { body: body.slice(), etag, label: options?.label, changedAt });
        return { etag };
      }),
    delete: (path, { ifMatch }, options) =>
      answerWrite(options, () => {
        checkBlobName(path);
        if (!documents.has(path)) return;
        mustBeAt(path, ifMatch);
        documents.delete(path);
      }),
    list: (prefix, page = {}, options) =>
      answerRepeatable(options, () => {
        const limit = checkListLimit(page.limit);
        const { cursor } = page;
        const rest = [...documents.keys()]
          .filter((path) => path.startsWith(prefix) && (cursor === undefined || path > cursor))
          .sort();
        const paths = rest.slice(0, limit);
        const labels = paths.map((path) => documents.get(path)?.label);
        return { paths, labels, cursor: rest.length > limit ? paths.at(-1) : undefined };
      }),
  };
}
