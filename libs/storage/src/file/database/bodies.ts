import type { ListedBody } from '../../ports.ts';
import type { Connection } from './connection.ts';
import { bytesIn, numberIn, textIn } from './rows.ts';
import { containerOf, findContainer } from './segments.ts';

export function bodyReads(db: Connection) {
  return {
    getBody(container: string, id: string): Uint8Array | undefined {
      const from = findContainer(db, container);
      if (from === undefined) return undefined;
      const row = db.get('SELECT bytes FROM bodies WHERE container = ? AND name = ?', from, id);
      return row && bytesIn(row, 'bytes');
    },
    listBodies(container: string, limit: number, cursor: string | undefined) {
      const rows = db.all(
        `SELECT name, created_at, length(bytes) AS length FROM bodies
         WHERE container = ? AND name > ? ORDER BY name LIMIT ?`,
        ...[containerOf(db, container), cursor ?? '', limit + 1],
      );
      const bodies = rows.slice(0, limit).map(
        (row): ListedBody => ({
          id: textIn(row, 'name'),
          createdAt: numberIn(row, 'created_at'),
          byteLength: numberIn(row, 'length'),
        }),
      );
      return { bodies, cursor: rows.length > limit ? bodies.at(-1)?.id : undefined };
    },
  };
}

export function bodyWrites(db: Connection) {
  return {
    putBody(container: string, id: string, bytes: Uint8Array<ArrayBuffer>, now: number): void {
      db.run(
        'INSERT OR REPLACE INTO bodies (container, name, created_at, bytes) VALUES (?, ?, ?, ?)',
        ...[containerOf(db, container), id, now, bytes],
      );
    },
    deleteBody(container: string, id: string): void {
      const from = findContainer(db, container);
      if (from !== undefined) db.run('DELETE FROM bodies WHERE container = ? AND name = ?', from, id);
    },
  };
}
