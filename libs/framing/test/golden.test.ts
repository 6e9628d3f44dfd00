import { readdirSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import {
  checkBatch,
  decodeBatch,
  decodeCommit,
  decodeOffset,
  decodeProducerCheckpoint,
  encodeBatch,
  encodeCommit,
  encodeOffset,
  encodeProducerCheckpoint,
  isBlank,
  messageId,
  parseMessageId,
  readTrailer,
  streamHash,
} from '../src/index.ts';
import { skipTarget } from '../src/skips.ts';
import { refusalOf } from './arbitrary.ts';
import {
  type CorruptVector,
  corrupt,
  goldenBatches,
  goldenBytes,
  goldenCheckpoints,
  goldenCommits,
  goldenValues,
  messagesOf,
} from './golden.ts';

describe('golden batches of version 1', () => {
  test.each(goldenBatches)('$file decodes to what it was made from', (vector) => {
    const bytes = goldenBytes(vector.file);
    const { header, messages } = decodeBatch(bytes);
    expect(header).toEqual({
      byteLength: vector.byteLength,
      messageCount: vector.messages.length,
      codec: vector.codec,
      recordsBytes: vector.recordsBytes,
      producer: vector.producer ?? undefined,
    });
    expect(messages.map((message) => ({ ...message, value: new Uint8Array(message.value) }))).toEqual(
      messagesOf(vector),
    );
    expect(checkBatch(bytes)).toEqual(header);
  });

  // How well a compressor does is its own affair, so only uncompressed batches have just one right encoding.
  test.each(goldenBatches.filter((vector) => vector.codec === 'none'))(
    '$file is what we encode',
    (vector) => {
      const batch = encodeBatch({ messages: messagesOf(vector), producer: vector.producer ?? undefined });
      expect(Buffer.from(batch).toString('hex')).toBe(Buffer.from(goldenBytes(vector.file)).toString('hex'));
    },
  );
});

describe('golden commits of version 1', () => {
  test.each(goldenCommits)('$file decodes to what it was made from', (vector) => {
    const bytes = goldenBytes(vector.file);
    const { header, batches, checkpoint } = decodeCommit(bytes, 0, vector.commit);
    expect(header).toEqual({
      ...vector.commit,
      batchCount: vector.batches.length,
      bodyBytes: vector.bodyBytes,
      checkpointBytes: vector.checkpoint === null ? 0 : goldenBytes(vector.checkpoint).byteLength,
      pages: vector.pages,
      byteLength: bytes.byteLength,
    });
    expect(batches).toEqual(vector.batches.map(goldenBytes));
    expect(checkpoint).toEqual(vector.checkpoint === null ? undefined : goldenBytes(vector.checkpoint));
    expect(readTrailer(bytes, bytes.byteLength)).toEqual({ byteLength: bytes.byteLength });
    expect(isBlank(bytes)).toBe(false);
  });

  test.each(goldenCommits)('$file is what we encode', (vector) => {
    const checkpoint = vector.checkpoint === null ? undefined : goldenBytes(vector.checkpoint);
    const bytes = encodeCommit({ ...vector.commit, batches: vector.batches.map(goldenBytes), checkpoint });
    expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(goldenBytes(vector.file)).toString('hex'));
  });
});

describe('golden checkpoints of version 1', () => {
  test.each(goldenCheckpoints)('$file decodes to what it was made from, and is what we encode', (vector) => {
    const bytes = goldenBytes(vector.file);
    expect(decodeProducerCheckpoint(bytes)).toEqual(vector.entries);
    expect(encodeProducerCheckpoint(vector.entries)).toEqual(bytes);
  });
});

describe('golden values of version 1', () => {
  test.each(goldenValues.messageIds)('message id $id says where its message stands', (vector) => {
    const { id, ...parts } = vector;
    expect(messageId(parts.streamId, parts.timestamp, parts.sequenceNumber)).toBe(id);
    expect(streamHash(parts.streamId)).toBe(parts.streamHash);
    const { timestamp, sequenceNumber, streamHash: hash } = parts;
    expect(parseMessageId(id)).toEqual({ timestamp, sequenceNumber, streamHash: hash });
  });

  test.each(goldenValues.offsets)(
    'offset $offset is message $index of the commit at page $page',
    (vector) => {
      expect(encodeOffset(vector.page, vector.index)).toBe(vector.offset);
      expect(decodeOffset(vector.offset)).toEqual({ page: vector.page, index: vector.index });
    },
  );

  test.each(goldenValues.skipTargets)('skip pointers of commit $number lead to $targets', (vector) => {
    expect(vector.targets.map((_, level) => skipTarget(vector.number, level))).toEqual(vector.targets);
  });
});

describe('corrupt vectors of version 1', () => {
  function decode(vector: CorruptVector): unknown {
    const bytes = goldenBytes(vector.file);
    if (vector.shape === 'batch') return decodeBatch(bytes);
    if (vector.shape === 'checkpoint') return decodeProducerCheckpoint(bytes);
    return decodeCommit(bytes, 0, vector.expected);
  }

  test.each(corrupt.bytes)('$file is refused with $code at byte $at', (vector) => {
    expect(refusalOf(() => decode(vector))).toEqual({ code: vector.code, at: vector.at });
  });

  const batches = corrupt.bytes.filter((vector) => vector.shape === 'batch');
  test.each(batches)('$file is refused by the check a leader does, just the same', (vector) => {
    expect(refusalOf(() => checkBatch(goldenBytes(vector.file)))).toEqual({
      code: vector.code,
      at: vector.at,
    });
  });

  const commits = corrupt.bytes.filter((vector) => vector.shape === 'commit' && vector.blank !== true);
  test.each(commits)('$file is refused at its place when it stands behind other bytes', (vector) => {
    const before = 512;
    const bytes = Buffer.concat([Buffer.alloc(before, 0xaa), goldenBytes(vector.file)]);
    const refusal = refusalOf(() => decodeCommit(bytes, before, vector.expected));
    expect(refusal).toEqual({ code: vector.code, at: before + vector.at });
  });

  test.each(corrupt.messageIds)('message id "$id" is refused: $what', (vector) => {
    expect(refusalOf(() => parseMessageId(vector.id))).toEqual({ code: 'bad_message_id', at: vector.at });
  });

  it('leaves no vector file out', () => {
    const files = readdirSync(new URL('../golden/v1/corrupt/', import.meta.url));
    expect(files.toSorted()).toEqual(
      corrupt.bytes.map((vector) => vector.file.replace('corrupt/', '')).toSorted(),
    );
  });
});
