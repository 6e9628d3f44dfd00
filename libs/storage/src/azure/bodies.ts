import type { BodyStore } from '../ports.ts';
import { checkBlobName, checkBody, checkContainer, checkListLimit, MAX_BODY_BYTES } from '../rules.ts';
import type { Access } from './access.ts';
import { expectStatus } from './answers.ts';
import { blobPath, sendDirect, smallAnswer } from './direct.ts';
import type { Tries } from './tries.ts';

/** Bodies as block blobs, each written in one request. Source: Azure, "Put Blob". */
export function azureBodies(access: Access, tries: Tries): BodyStore {
  const pathOf = (container: string, id: string): string => {
    checkContainer(container);
    checkBlobName(id);
    return blobPath(container, id);
  };
  return {
    put: (container, id, bytes, options) =>
      tries.repeatedly(options, async (signal) => {
        checkBody(bytes);
        const path = pathOf(container, id);
        const headers = { 'x-ms-blob-type': 'BlockBlob', 'content-type': 'application/octet-stream' };
        const request = { method: 'PUT', path, headers, body: bytes, maxAnswerBytes: smallAnswer } as const;
        expectStatus(await sendDirect(access, request, signal), 201);
      }),
    get: (container, id, options) =>
      tries.repeatedly(options, async (signal) => {
        const path = pathOf(container, id);
        const request = { method: 'GET', path, headers: {}, maxAnswerBytes: MAX_BODY_BYTES } as const;
        const answer = expectStatus(await sendDirect(access, request, signal), 200, 404);
        return answer.status === 404 ? undefined : answer.body;
      }),
    delete: (container, id, options) =>
      tries.repeatedly(options, async (signal) => {
        const path = pathOf(container, id);
        const request = { method: 'DELETE', path, headers: {}, maxAnswerBytes: smallAnswer } as const;
        expectStatus(await sendDirect(access, request, signal), 202, 404);
      }),
    list: (container, { limit, cursor } = {}, options) =>
      tries.repeatedly(options, async (abortSignal) => {
        checkContainer(container);
        const maxPageSize = checkListLimit(limit);
        const pages = access
          .container(container)
          .listBlobsFlat({ abortSignal })
          .byPage({ maxPageSize, ...(cursor !== undefined && { continuationToken: cursor }) });
        for await (const { segment, continuationToken } of pages) {
          const bodies = segment.blobItems.map(({ name, properties }) => ({
            id: name,
            createdAt: (properties.createdOn ?? properties.lastModified).getTime(),
            byteLength: properties.contentLength ?? 0,
          }));
          return { bodies, cursor: continuationToken || undefined };
        }
        return { bodies: [], cursor: undefined };
      }),
  };
}
