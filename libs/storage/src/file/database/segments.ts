import { StorageError } from '../../errors.ts';
import type { ByteRange, RangeRead, SegmentProperties, SegmentRef, WriteConditions } from '../../ports.ts';
import type { Connection } from './connection.ts';
import { nextEtag } from './etag.ts';
import { clearExtents, readExtents, writeExtents, writtenExtents } from './extents.ts';
import { numberIn, textIn } from './rows.ts';

interface Segment {
  readonly id: number;
  readonly size: number;
  readonly epoch: number;
  readonly etag: string;
  readonly changedAt: number;
}

// Every `now` is the time of the caller, milliseconds since 1970.

export function segmentReads(db: Connection) {
  return {
    readRange(ref: SegmentRef, range: ByteRange, ifNoneMatch: string | undefined): RangeRead {
      const { id, size, etag } = segmentOf(db, ref);
      if (ifNoneMatch === etag) return { status: 'not_modified' };
      const length = Math.max(0, Math.min(range.length, size - range.offset));
      return { status: 'read', bytes: readExtents(db, id, { offset: range.offset, length }), etag };
    },
    writtenRanges: (ref: SegmentRef, range: ByteRange): ByteRange[] =>
      writtenExtents(db, segmentOf(db, ref).id, range),
    segmentProperties(ref: SegmentRef, now: number): SegmentProperties {
      const { etag, size, epoch, changedAt } = segmentOf(db, ref);
      return { etag, sizeBytes: size, epoch, unchangedMs: Math.max(0, now - changedAt) };
    },
    listSegments: (container: string): string[] =>
      db
        .all(
          'SELECT name FROM segments WHERE container = ? AND name IS NOT NULL ORDER BY name',
          containerOf(db, container),
        )
        .map((row) => textIn(row, 'name')),
  };
}

export function segmentWrites(db: Connection) {
  /** Every change of a segment ends here: it gets a version of its own. */
  function change(id: number, epoch: number, now: number): { etag: string } {
    const etag = nextEtag();
    db.run('UPDATE segments SET epoch = ?, etag = ?, changed_at = ? WHERE id = ?', epoch, etag, now, id);
    return { etag };
  }

  return {
    createContainer(container: string): void {
      db.run('INSERT INTO containers (name) VALUES (?) ON CONFLICT DO NOTHING', container);
    },
    deleteContainer(container: string): void {
      const id = findContainer(db, container);
      if (id === undefined) return;
      db.run('UPDATE containers SET name = NULL WHERE id = ?', id);
      db.run('UPDATE segments SET name = NULL WHERE container = ?', id);
    },
    createSegment(
      { container, segment }: SegmentRef,
      { sizeBytes, epoch }: { sizeBytes: number; epoch: number },
      now: number,
    ): { etag: string } {
      const into = containerOf(db, container);
      if (db.get('SELECT 1 FROM segments WHERE container = ? AND name = ?', into, segment) !== undefined)
        throw new StorageError('already_exists', `segment ${container}/${segment} is there`);
      const etag = nextEtag();
      db.run(
        'INSERT INTO segments (container, name, size, epoch, etag, changed_at) VALUES (?, ?, ?, ?, ?, ?)',
        ...[into, segment, sizeBytes, epoch, etag, now],
      );
      return { etag };
    },
    fence(ref: SegmentRef, epoch: number, now: number): { etag: string; epoch: number } {
      const segment = segmentOf(db, ref);
      const inForce = Math.max(segment.epoch, epoch);
      return { ...change(segment.id, inForce, now), epoch: inForce };
    },
    writePages(
      ref: SegmentRef,
      offset: number,
      bytes: Uint8Array<ArrayBuffer>,
      conditions: WriteConditions,
      now: number,
    ): { etag: string } {
      const { id, epoch } = segmentToWrite(db, ref, { offset, length: bytes.length }, conditions);
      writeExtents(db, id, offset, bytes);
      return change(id, epoch, now);
    },
    clearPages(
      ref: SegmentRef,
      range: ByteRange,
      conditions: WriteConditions,
      now: number,
    ): { etag: string } {
      const { id, epoch } = segmentToWrite(db, ref, range, conditions);
      clearExtents(db, id, range);
      return change(id, epoch, now);
    },
    deleteSegment({ container, segment }: SegmentRef): void {
      const from = findContainer(db, container);
      if (from !== undefined)
        db.run('UPDATE segments SET name = NULL WHERE container = ? AND name = ?', from, segment);
    },
  };
}

export function findContainer(db: Connection, container: string): number | undefined {
  const row = db.get('SELECT id FROM containers WHERE name = ?', container);
  return row && numberIn(row, 'id');
}

/** Errors: `not_found`. */
export function containerOf(db: Connection, container: string): number {
  const found = findContainer(db, container);
  if (found === undefined) throw new StorageError('not_found', `there is no container ${container}`);
  return found;
}

function segmentOf(db: Connection, { container, segment }: SegmentRef): Segment {
  const row = db.get(
    'SELECT id, size, epoch, etag, changed_at FROM segments WHERE container = ? AND name = ?',
    containerOf(db, container),
    segment,
  );
  if (row === undefined) throw new StorageError('not_found', `there is no segment ${container}/${segment}`);
  return {
    id: numberIn(row, 'id'),
    size: numberIn(row, 'size'),
    epoch: numberIn(row, 'epoch'),
    etag: textIn(row, 'etag'),
    changedAt: numberIn(row, 'changed_at'),
  };
}

/** The segment of a write whose conditions hold and whose pages lie within it. */
function segmentToWrite(
  db: Connection,
  ref: SegmentRef,
  range: ByteRange,
  { epoch, etag }: WriteConditions,
): Segment {
  const segment = segmentOf(db, ref);
  if (segment.epoch !== epoch)
    throw new StorageError(
      'epoch_fenced',
      `the segment is fenced for epoch ${segment.epoch}, the write carries ${epoch}`,
    );
  if (segment.etag !== etag)
    throw new StorageError('etag_mismatch', `the segment is at ${segment.etag}, the write expects ${etag}`);
  if (range.offset + range.length > segment.size)
    throw new StorageError(
      'invalid_request',
      `the segment ends at ${segment.size}, before the end of the write`,
    );
  return segment;
}
