import type { BlockBlobClient } from '@azure/storage-blob';
import { isStorageError, StorageError } from '../errors.ts';
import type { CallOptions, DocumentStore, PutDocumentOptions, StoredDocument } from '../ports.ts';
import { checkBlobName, checkDocument, checkLabel, checkListLimit, MAX_DOCUMENT_BYTES } from '../rules.ts';
import type { Access } from './access.ts';
import { absentOnly, etagOf, expectStatus, unchangedMsOf, unlessCode } from './answers.ts';
import { listBlobsQuery, listedBlobs } from './blob-list.ts';
import { blobPath, sendDirect } from './direct.ts';
import type { HttpAnswer } from './http-pool.ts';
import type { SystemContainer } from './system-container.ts';
import type { Tries } from './tries.ts';

/** A thousand blobs with the longest paths, and what Azure says of each. */
const MAX_LIST_ANSWER_BYTES = 16 * 1024 * 1024;

/** Documents as block blobs in the system container, named by their paths. */
export function azureDocuments(access: Access, tries: Tries, system: SystemContainer): DocumentStore {
  const client = (path: string): BlockBlobClient => {
    checkBlobName(path);
    return system.client().getBlockBlobClient(path);
  };

  function upload(
    path: string,
    body: Uint8Array,
    conditions: { ifNoneMatch: string } | { ifMatch: string },
    options: PutDocumentOptions | undefined,
  ): Promise<{ etag: string }> {
    return tries.once(options, async (abortSignal) => {
      checkDocument(body);
      checkLabel(options?.label);
      const metadata = options?.label === undefined ? {} : { metadata: { label: options.label } };
      const { etag } = await client(path).upload(body, body.length, { conditions, abortSignal, ...metadata });
      return { etag: etagOf(etag, 'outcome_unknown') };
    });
  }

  /** If-Match fails alike for another version and for what is not there at all. */
  async function tellGoneFromChanged(
    path: string,
    error: unknown,
    options: CallOptions | undefined,
  ): Promise<never> {
    if (isStorageError(error, 'etag_mismatch')) {
      const there = await tries.repeatedly(options, (abortSignal) => client(path).exists({ abortSignal }));
      if (!there) throw new StorageError('not_found', `there is no document ${path}`, { cause: error });
    }
    throw error;
  }

  return {
    get: (path, options) =>
      tries.repeatedly(options, async (signal) => {
        checkBlobName(path);
        const request = {
          method: 'GET',
          path: blobPath(system.name, path),
          headers: {},
          maxAnswerBytes: MAX_DOCUMENT_BYTES,
        } as const;
        const answer = expectStatus(await sendDirect(access, request, signal), 200, 404);
        return answer.status === 404 ? undefined : documentIn(answer);
      }),
    put: (path, body, condition, options) =>
      'ifMatch' in condition
        ? upload(path, body, { ifMatch: condition.ifMatch }, options).catch((error: unknown) =>
            tellGoneFromChanged(path, error, options),
          )
        : system.creating(options, () => upload(path, body, { ifNoneMatch: '*' }, options)).catch(absentOnly),
    async delete(path, { ifMatch }, options) {
      const remove = tries.once(options, (abortSignal) =>
        client(path).delete({ conditions: { ifMatch }, abortSignal }),
      );
      await remove
        .catch((error: unknown) => tellGoneFromChanged(path, error, options))
        .catch(unlessCode('not_found'));
    },
    list: (prefix, page = {}, options) =>
      tries.repeatedly(options, async (signal) => {
        const { cursor: marker } = page;
        const limit = checkListLimit(page.limit);
        const request = {
          method: 'GET',
          path: system.name,
          query: listBlobsQuery({ prefix, limit, marker }),
          headers: {},
          maxAnswerBytes: MAX_LIST_ANSWER_BYTES,
        } as const;
        const answer = expectStatus(await sendDirect(access, request, signal), 200, 404);
        const listed = answer.status === 404 ? { blobs: [], marker: undefined } : listedBlobs(answer);
        // Leases live in this container too, as append blobs.
        const documents = listed.blobs.filter(({ type }) => type === 'BlockBlob');
        return {
          paths: documents.map(({ name }) => name),
          labels: documents.map(({ label }) => label),
          cursor: listed.marker,
        };
      }),
  };
}

function documentIn(answer: HttpAnswer): StoredDocument {
  const { body, headers } = answer;
  const label = headers['x-ms-meta-label'];
  return {
    body,
    etag: etagOf(headers.etag, 'unavailable'),
    label: typeof label === 'string' ? label : undefined,
    unchangedMs: unchangedMsOf(answer),
  };
}
