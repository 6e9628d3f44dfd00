import { StorageError } from '../errors.ts';
import type { HttpAnswer } from './http-pool.ts';

export interface ListedBlob {
  readonly name: string;
  /** `BlockBlob`, `PageBlob` or `AppendBlob`. */
  readonly type: string;
  /** The metadata `label`. */
  readonly label: string | undefined;
}

export interface BlobList {
  readonly blobs: readonly ListedBlob[];
  /** Undefined on the last page. */
  readonly marker: string | undefined;
}

const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Path and query of a List Blobs that brings metadata along. Source: Azure, "List Blobs". */
export function listBlobsQuery(ask: { prefix: string; limit: number; marker: string | undefined }): string {
  const { prefix, limit, marker } = ask;
  const from = marker === undefined ? '' : `&marker=${encodeURIComponent(marker)}`;
  return `restype=container&comp=list&include=metadata&maxresults=${limit}&prefix=${encodeURIComponent(prefix)}${from}`;
}

// What the service answers is a list of elements of known names, written by the service itself, and our names and labels
// are ASCII. Reading it takes no parser of XML, which for a thousand blobs is most of what listing them costs.

/** The blobs in the answer to a List Blobs. Errors: `unavailable` for what is no such answer. */
export function listedBlobs({ body }: HttpAnswer): BlobList {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString();
  if (!/<\/EnumerationResults>\s*$/.test(text.slice(-64))) throw untrustworthy('the end of the list');
  const blobs = [...text.matchAll(/<Blob>(.*?)<\/Blob>/gs)].map(([, blob = '']) => blobOf(blob));
  const marker = elementIn(text.slice(text.lastIndexOf('</Blobs>') + 1), 'NextMarker');
  return { blobs, marker: marker === '' ? undefined : marker };
}

function blobOf(blob: string): ListedBlob {
  const name = elementIn(blob, 'Name');
  const type = elementIn(blob, 'BlobType');
  if (name === undefined || type === undefined) throw untrustworthy('names and types of blobs');
  return { name, type, label: elementIn(blob, 'label') };
}

function elementIn(text: string, element: string): string | undefined {
  const opening = `<${element}>`;
  const start = text.indexOf(opening);
  const end = start < 0 ? -1 : text.indexOf(`</${element}>`, start);
  return end < 0 ? undefined : unescapeXml(text.slice(start + opening.length, end));
}

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,5}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return characters[name] ?? whole;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

function untrustworthy(what: string): StorageError {
  return new StorageError('unavailable', `the storage answered a listing without ${what}`);
}
