import { StorageError } from '../../errors.ts';
import type { DocumentCondition, StoredDocument } from '../../ports.ts';
import type { Connection } from './connection.ts';
import { nextEtag } from './etag.ts';
import { bytesIn, maybe, numberIn, textIn } from './rows.ts';

/** Comes after every character a path may hold. */
const AFTER_ALL = '\x7f';

// Every `now` is the time of the caller, milliseconds since 1970.

export function documentReads(db: Connection) {
  return {
    getDocument(path: string, now: number): StoredDocument | undefined {
      const row = db.get('SELECT etag, label, changed_at, body FROM documents WHERE path = ?', path);
      if (row === undefined) return undefined;
      // An earlier version, which may have the file open as well, writes no time.
      const changedAt = maybe(row, 'changed_at', numberIn) ?? now;
      return {
        body: bytesIn(row, 'body'),
        etag: textIn(row, 'etag'),
        label: maybe(row, 'label', textIn),
        unchangedMs: Math.max(0, now - changedAt),
      };
    },
    listDocuments(prefix: string, limit: number, cursor: string | undefined) {
      const rows = db.all(
        'SELECT path, label FROM documents WHERE path >= ? AND path > ? AND path < ? ORDER BY path LIMIT ?',
        ...[prefix, cursor ?? '', prefix + AFTER_ALL, limit + 1],
      );
      const page = rows.slice(0, limit);
      const paths = page.map((row) => textIn(row, 'path'));
      const labels = page.map((row) => maybe(row, 'label', textIn));
      return { paths, labels, cursor: rows.length > limit ? paths.at(-1) : undefined };
    },
  };
}

export function documentWrites(db: Connection) {
  function etagOf(path: string): string | undefined {
    const row = db.get('SELECT etag FROM documents WHERE path = ?', path);
    return row && textIn(row, 'etag');
  }

  function mustBe(path: string, wanted: string, found: string): void {
    if (found !== wanted)
      throw new StorageError('etag_mismatch', `document ${path} is at ${found}, not ${wanted}`);
  }

  return {
    putDocument(
      path: string,
      body: Uint8Array<ArrayBuffer>,
      condition: DocumentCondition,
      now: number,
      label: string | undefined,
    ): { etag: string } {
      const found = etagOf(path);
      if ('ifMatch' in condition) {
        if (found === undefined) throw new StorageError('not_found', `there is no document ${path}`);
        mustBe(path, condition.ifMatch, found);
      } else if (found !== undefined) {
        throw new StorageError('already_exists', `document ${path} is there`);
      }
      const etag = nextEtag();
      db.run(
        'INSERT OR REPLACE INTO documents (path, etag, label, changed_at, body) VALUES (?, ?, ?, ?, ?)',
        ...[path, etag, label ?? null, now, body],
      );
      return { etag };
    },
    deleteDocument(path: string, ifMatch: string): void {
      const found = etagOf(path);
      if (found === undefined) return;
      mustBe(path, ifMatch, found);
      db.run('DELETE FROM documents WHERE path = ?', path);
    },
  };
}
