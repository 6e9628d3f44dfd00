import type { PageBlobClient } from '@azure/storage-blob';
import { isStorageError, StorageError } from '../errors.ts';
import type { ByteRange, PageStore, SegmentRef } from '../ports.ts';
import { checkBlobName, checkContainer, checkEpoch, checkPages, checkSegmentSize } from '../rules.ts';
import type { Access } from './access.ts';
import { absentOnly, etagOf, hasStatus, unlessCode } from './answers.ts';
import { azurePageData, type PageData } from './page-data.ts';
import type { Tries } from './tries.ts';

type Containers = Pick<PageStore, 'createContainer' | 'deleteContainer' | 'listSegments'>;
type Segments = Omit<PageStore, keyof Containers | keyof PageData>;

/** Page blobs of an Azure storage account. */
export function azurePages(access: Access, tries: Tries): PageStore {
  return { ...containers(access, tries), ...segments(access, tries), ...azurePageData(access, tries) };
}

function containers(access: Access, tries: Tries): Containers {
  return {
    async createContainer(container, options) {
      const create = tries.repeatedly(options, (abortSignal) => {
        checkContainer(container);
        return access.container(container).create({ abortSignal });
      });
      await create.catch(unlessCode('already_exists')).catch((error: unknown) => {
        if (!isStorageError(error, 'not_found')) throw error;
        // Deleted, but not gone yet, which takes Azure at least half a minute.
        throw new StorageError('unavailable', `container ${container} is being deleted`, { cause: error });
      });
    },
    async deleteContainer(container, options) {
      const remove = tries.repeatedly(options, (abortSignal) => {
        checkContainer(container);
        return access.container(container).delete({ abortSignal });
      });
      await remove.catch(unlessCode('not_found'));
    },
    listSegments: (container, options) =>
      tries.repeatedly(options, async (abortSignal) => {
        checkContainer(container);
        const names: string[] = [];
        for await (const { name } of access.container(container).listBlobsFlat({ abortSignal }))
          names.push(name);
        return names;
      }),
  };
}

function segments(access: Access, tries: Tries): Segments {
  const client = ({ container, segment }: SegmentRef): PageBlobClient => {
    checkContainer(container);
    checkBlobName(segment);
    return access.container(container).getPageBlobClient(segment);
  };
  return {
    createSegment: (ref, { sizeBytes, epoch }, options) => {
      const created = tries.once(options, async (abortSignal) => {
        checkSegmentSize(sizeBytes);
        checkEpoch(epoch);
        const init = { blobSequenceNumber: epoch, conditions: { ifNoneMatch: '*' }, abortSignal };
        const { etag } = await client(ref).create(sizeBytes, init);
        return { etag: etagOf(etag, 'outcome_unknown') };
      });
      return created.catch(absentOnly);
    },
    fence: (ref, epoch, options) =>
      tries.repeatedly(options, async (abortSignal) => {
        checkEpoch(epoch);
        const answer = await client(ref).updateSequenceNumber('max', epoch, { abortSignal });
        const inForce = answer.blobSequenceNumber;
        if (inForce === undefined)
          throw new StorageError('unavailable', 'the fence was answered without an epoch');
        return { etag: etagOf(answer.etag, 'unavailable'), epoch: inForce };
      }),
    writtenRanges: (ref, range, options) =>
      tries.repeatedly(options, (abortSignal) => {
        checkPages(range);
        return writtenRanges(client(ref), range, abortSignal);
      }),
    async deleteSegment(ref, options) {
      const remove = tries.repeatedly(options, (abortSignal) => client(ref).delete({ abortSignal }));
      await remove.catch(unlessCode('not_found'));
    },
  };
}

async function writtenRanges(
  client: PageBlobClient,
  range: ByteRange,
  abortSignal: AbortSignal,
): Promise<ByteRange[]> {
  const merged: { offset: number; length: number }[] = [];
  try {
    for await (const { start, end } of client.listPageRanges(range.offset, range.length, { abortSignal })) {
      const last = merged.at(-1);
      const length = end + 1 - start;
      // Azurite answers a range per write.
      if (last !== undefined && last.offset + last.length === start) last.length += length;
      else merged.push({ offset: start, length });
    }
  } catch (error) {
    // The range begins past the end of the blob.
    if (!hasStatus(error, 416)) throw error;
  }
  return merged;
}
