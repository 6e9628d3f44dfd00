import type {
  ByteRange,
  PageStore,
  RangeRead,
  SegmentProperties,
  SegmentRef,
  WriteConditions,
} from '../ports.ts';
import { checkBlobName, checkContainer, checkEpoch, checkPages, checkRange, checkWrite } from '../rules.ts';
import type { Access } from './access.ts';
import { etagOf, expectStatus, numberOf, unchangedMsOf } from './answers.ts';
import { blobPath, sendDirect, smallAnswer } from './direct.ts';
import type { HttpAnswer } from './http-pool.ts';
import type { Tries } from './tries.ts';

/** The calls that carry the data and those a reader makes again and again; they go around the SDK. */
export type PageData = Pick<PageStore, 'writePages' | 'clearPages' | 'readRange' | 'segmentProperties'>;

/** Source of the requests and answers: Azure, "Put Page", "Get Blob" and "Get Blob Properties". */
export function azurePageData(access: Access, tries: Tries): PageData {
  function send(
    method: 'GET' | 'HEAD' | 'PUT',
    { container, segment }: SegmentRef,
    headers: Record<string, string>,
    signal: AbortSignal,
    rest: { query?: string; body?: Uint8Array; maxAnswerBytes?: number } = {},
  ): Promise<HttpAnswer> {
    checkContainer(container);
    checkBlobName(segment);
    const path = blobPath(container, segment);
    const request = { method, path, headers, maxAnswerBytes: smallAnswer, ...rest };
    return sendDirect(access, request, signal);
  }

  async function putPage(
    ref: SegmentRef,
    range: ByteRange,
    { epoch, etag }: WriteConditions,
    signal: AbortSignal,
    body?: Uint8Array,
  ): Promise<{ etag: string }> {
    checkEpoch(epoch);
    const headers = {
      'x-ms-page-write': body === undefined ? 'clear' : 'update',
      'x-ms-range': rangeHeader(range),
      'x-ms-if-sequence-number-eq': String(epoch),
      'if-match': etag,
    };
    const answer = await send('PUT', ref, headers, signal, { query: 'comp=page', ...(body && { body }) });
    return { etag: etagOf(expectStatus(answer, 201).headers.etag, 'outcome_unknown') };
  }

  async function properties(ref: SegmentRef, signal: AbortSignal): Promise<SegmentProperties> {
    const answer = expectStatus(await send('HEAD', ref, {}, signal), 200);
    return {
      etag: etagOf(answer.headers.etag, 'unavailable'),
      sizeBytes: numberOf(answer, 'content-length'),
      epoch: numberOf(answer, 'x-ms-blob-sequence-number'),
      unchangedMs: unchangedMsOf(answer),
    };
  }

  async function read(
    ref: SegmentRef,
    range: ByteRange,
    ifNoneMatch: string | undefined,
    signal: AbortSignal,
  ): Promise<RangeRead> {
    const headers = {
      'x-ms-range': rangeHeader(range),
      ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
    };
    const maxAnswerBytes = Math.max(range.length, smallAnswer);
    const answer = expectStatus(
      await send('GET', ref, headers, signal, { maxAnswerBytes }),
      200,
      206,
      304,
      416,
    );
    if (answer.status === 304) return { status: 'not_modified' };
    if (answer.status === 416) return pastTheEnd(await properties(ref, signal), ifNoneMatch);
    return { status: 'read', bytes: answer.body, etag: etagOf(answer.headers.etag, 'unavailable') };
  }

  return {
    writePages: (ref, offset, bytes, conditions, options) =>
      tries.once(options, (signal) => {
        checkWrite(offset, bytes.length);
        return putPage(ref, { offset, length: bytes.length }, conditions, signal, bytes);
      }),
    clearPages: (ref, range, conditions, options) =>
      tries.once(options, (signal) => {
        checkPages(range);
        return putPage(ref, range, conditions, signal);
      }),
    readRange: (ref, range, options) =>
      tries.repeatedly(options, (signal) => {
        checkRange(range);
        return read(ref, range, options?.ifNoneMatch, signal);
      }),
    segmentProperties: (ref, options) => tries.repeatedly(options, (signal) => properties(ref, signal)),
  };
}

function rangeHeader({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`;
}

/** Azure refuses a range that begins at or past the end, whatever the version. */
function pastTheEnd({ etag }: SegmentProperties, ifNoneMatch: string | undefined): RangeRead {
  return etag === ifNoneMatch
    ? { status: 'not_modified' }
    : { status: 'read', bytes: new Uint8Array(0), etag };
}
