import { StorageError } from '../../errors.ts';
import { Connection } from './connection.ts';
import { isBusy, wordsFor } from './failures.ts';
import { numberIn } from './rows.ts';

/** "MsgV": says whose file this is. */
const APPLICATION_ID = 0x4d736756;
/** The newest schema this code knows; a file keeps it as its user_version. */
const SCHEMA_VERSION = 1;
/** How long opening waits for others that open, or make, the same file at the same time. */
const OPEN_WITHIN_MS = 10_000;

/**
 * The database. A container or segment that was deleted has lost its name; what it held is removed in small steps.
 * An extent is one written range of a segment, in pieces of at most `PIECE_BYTES`, that never overlap.
 * Large columns stand last, so that the others can be read without them.
 */
const SCHEMA = `
  CREATE TABLE containers (id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;
  CREATE INDEX gone_containers ON containers (id) WHERE name IS NULL;

  CREATE TABLE segments (
    id INTEGER PRIMARY KEY, container INTEGER NOT NULL, name TEXT, size INTEGER NOT NULL, epoch INTEGER NOT NULL,
    etag TEXT NOT NULL, changed_at INTEGER NOT NULL, UNIQUE (container, name)
  ) STRICT;
  CREATE INDEX gone_segments ON segments (id) WHERE name IS NULL;

  CREATE TABLE extents (
    id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL,
    UNIQUE (segment, start)
  ) STRICT;

  CREATE TABLE bodies (
    id INTEGER PRIMARY KEY, container INTEGER NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL,
    bytes BLOB NOT NULL, UNIQUE (container, name)
  ) STRICT;

  CREATE TABLE documents (
    path TEXT PRIMARY KEY, etag TEXT NOT NULL, label TEXT, changed_at INTEGER, body BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT, seconds INTEGER, held_until INTEGER) STRICT, WITHOUT ROWID;

  CREATE TABLE queues (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, message_id TEXT NOT NULL UNIQUE, receipt TEXT NOT NULL,
    dequeue_count INTEGER NOT NULL, inserted_at INTEGER NOT NULL, expires_at INTEGER, visible_at INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX messages_to_see ON messages (queue, visible_at, id);
  CREATE INDEX messages_to_expire ON messages (queue, expires_at) WHERE expires_at IS NOT NULL;
`;

/**
 * Opens the file, making it when it is not there, however many processes do so at once.
 * Errors: `invalid_request`, in words, for a file that can't be used; `unavailable` while another process won't let go of it.
 */
export function openDatabase(path: string): Connection {
  const deadline = performance.now() + OPEN_WITHIN_MS;
  for (;;) {
    try {
      return tryOpen(path);
    } catch (error) {
      // SQLite itself does not wait for every lock: where two that wait could block each other, one is told at once.
      if (isBusy(error) && performance.now() < deadline) continue;
      if (error instanceof StorageError) throw error;
      const words = wordsFor(error);
      if (words === undefined) throw error;
      throw new StorageError(isBusy(error) ? 'unavailable' : 'invalid_request', `${path}: ${words}`);
    }
  }
}

function tryOpen(path: string): Connection {
  const connection = new Connection(path, 100);
  try {
    // Counts only until the first table is there, and must come before the journal mode.
    connection.exec('PRAGMA page_size = 16384');
    // In one transaction: somebody else may be making it.
    connection.exec('BEGIN');
    const isOurs = checkOwner(path, connection);
    connection.exec('COMMIT');
    // NORMAL: no transaction waits for the disk; see `Disk`. Large ones fit into the cache, and are written once.
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384');
    // When the log is copied into the database is decided between the calls, not within one.
    connection.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 134217728');
    if (!isOurs) makeTables(path, connection);
    addTimesOfDocuments(connection);
    connection.answerBusyAtOnce();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function pragma(connection: Connection, name: 'application_id' | 'user_version'): number {
  return numberIn(connection.get(`PRAGMA ${name}`) ?? {}, name);
}

/** Refuses a file of another program, and one of a newer version. Answers whether its tables are there. */
function checkOwner(path: string, connection: Connection): boolean {
  const owner = pragma(connection, 'application_id');
  const version = pragma(connection, 'user_version');
  const isEmpty = connection.get('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined;
  if (isEmpty && owner === 0) return false;
  if (owner !== APPLICATION_ID)
    throw new StorageError('invalid_request', `${path} is a database of another program`);
  if (version > SCHEMA_VERSION)
    throw new StorageError(
      'invalid_request',
      `${path} was made by a newer version: its schema is ${version}, and this program knows ${SCHEMA_VERSION}`,
    );
  return true;
}

/** One of those who come at the same time makes them, in one transaction; the others find them. */
function makeTables(path: string, connection: Connection): void {
  connection.exec('BEGIN IMMEDIATE');
  try {
    if (!checkOwner(path, connection)) {
      connection.exec(SCHEMA);
      connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    connection.exec('COMMIT');
  } finally {
    connection.rollBack();
  }
}

/**
 * Files of earlier versions don't say when a document was put. They keep the version of their schema: programs of both
 * have the file open while a cluster is being upgraded, and an earlier one can still be gone back to.
 */
function addTimesOfDocuments(connection: Connection): void {
  const hasTimes = (): boolean =>
    connection.get(`SELECT 1 FROM pragma_table_info('documents') WHERE name = 'changed_at'`) !== undefined;
  if (hasTimes()) return;
  connection.exec('BEGIN IMMEDIATE');
  try {
    // Somebody else may have come first.
    if (!hasTimes()) {
      connection.exec('ALTER TABLE documents ADD COLUMN changed_at INTEGER');
      connection.exec(`UPDATE documents SET changed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)`);
    }
    connection.exec('COMMIT');
  } finally {
    connection.rollBack();
  }
}
