import type { BlockBlobClient } from '@azure/storage-blob';
import { isStorageError, StorageError } from '../errors.ts';
import type { CallOptions, DocumentStore, PutDocumentOptions } from '../ports.ts';
import { checkBlobName, checkDocument, checkLabel, checkListLimit, MAX_DOCUMENT_BYTES } from '../rules.ts';
import type { Access } from './access.ts';
import { absentOnly, etagOf, expectStatus, unlessCode } from './answers.ts';
import { blobPath, sendDirect } from './direct.ts';
import type { SystemContainer } from './system-container.ts';
import type { Tries } from './tries.ts';

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
        return answer.status === 404
          ? undefined
          : { body: answer.body, etag: etagOf(answer.headers.etag, 'unavailable') };
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
    list: (prefix, page = {}, options) => {
      const listed = tries.repeatedly(options, async (abortSignal) => {
        const maxPageSize = checkListLimit(page.limit);
        const continuation = page.cursor === undefined ? {} : { continuationToken: page.cursor };
        const pages = system
          .client()
          .listBlobsFlat({ prefix, abortSignal, includeMetadata: true })
          .byPage({ maxPageSize, ...continuation });
        for await (const { segment, continuationToken } of pages) {
          // Leases live in this container too, as append blobs.
          const documents = segment.blobItems.filter(({ properties }) => properties.blobType === 'BlockBlob');
          return {
            paths: documents.map(({ name }) => name),
            labels: documents.map(({ metadata }) => metadata?.label),
            cursor: continuationToken || undefined,
          };
        }
        return { paths: [], labels: [], cursor: undefined };
      });
      return listed.catch((error: unknown) => {
        if (!isStorageError(error, 'not_found')) throw error;
        return { paths: [], labels: [], cursor: undefined };
      });
    },
  };
}
