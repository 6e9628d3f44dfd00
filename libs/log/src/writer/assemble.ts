import {
  type CommitBody,
  type CommitHeader,
  type CommitPlace,
  commitBodyCapacity,
  commitByteLength,
  decodeCommitHeader,
  MAX_COMMIT_BYTES,
  MAX_COMMIT_MESSAGES,
  skipsAfter,
} from '@message-vault/framing';
import { invariant } from '@message-vault/runtime';
import { byteInSegment, type StreamRef } from '../stream.ts';
import type { Inbox, PendingBatch } from './inbox.ts';
import { follows, type LogEnd } from './log-end.ts';
import type { ProducerWindow } from './producer-window.ts';
import type { OpenSegment } from './recover.ts';
import type { WriterSettings } from './settings.ts';

export interface AssembleOptions {
  readonly stream: StreamRef;
  readonly epoch: number;
  readonly end: LogEnd;
  readonly segment: OpenSegment;
  readonly settings: WriterSettings;
  /** Wall clock, milliseconds. */
  readonly nowMs: number;
  readonly batches: readonly PendingBatch[];
  /** Of these batches. */
  readonly body: CommitBody;
  readonly checkpoint: Uint8Array | undefined;
}

/** A commit ready to be written. */
export interface Assembled {
  readonly header: CommitHeader;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The dedupe window, when it is the next commit's turn to carry it. */
export function dueCheckpoint(
  end: LogEnd,
  window: ProducerWindow,
  settings: WriterSettings,
): Uint8Array | undefined {
  return end.nextNumber % settings.checkpointEvery === 0 ? window.encode() : undefined;
}

/** As many waiting batches as fit the next commit; none where its checkpoint leaves no room, then that one goes alone. */
export function takeFitting(
  inbox: Inbox,
  settings: WriterSettings,
  checkpoint: Uint8Array | undefined,
): PendingBatch[] {
  const maxBytes = commitBodyCapacity(settings.maxCommitBytes) - (checkpoint?.byteLength ?? 0);
  const batches = inbox.take({ maxBytes, maxMessages: MAX_COMMIT_MESSAGES });
  invariant(batches.length > 0 || checkpoint !== undefined, 'a batch was taken in that fits no commit');
  return batches;
}

export function assemble(options: AssembleOptions): Assembled {
  const { batches, body, checkpoint, end, segment } = options;
  const place: CommitPlace = {
    streamId: options.stream.streamId,
    epoch: options.epoch,
    page: end.nextPage,
    number: end.nextNumber,
    firstSequenceNumber: end.nextSequenceNumber,
    // Clamped: a wall clock that goes back must not make the stream's timestamps decrease.
    timestamp: Math.max(end.timestamp, Math.floor(options.nowMs)),
    skips: skipsAfter(end.last),
    messageCount: batches.reduce((sum, { header }) => sum + header.messageCount, 0),
    lastInSegment: closesSegment(options),
  };
  const bytes = body.seal(place, checkpoint);
  const header = decodeCommitHeader(bytes, 0, { page: end.nextPage });
  invariant(follows(end, header), 'the next commit must follow the last one');
  const endByte = byteInSegment(segment.firstPage, header.page) + bytes.length;
  invariant(endByte <= segment.sizeBytes, 'a commit must fit the room its segment has left');
  return { header, bytes };
}

/** A segment is closed by the commit that fills it, in bytes or in commits; always before one might not fit any more. */
function closesSegment({ body, checkpoint, end, segment, settings }: AssembleOptions): boolean {
  const bodyBytes = body.byteLength + (checkpoint?.byteLength ?? 0);
  const usedBytes = byteInSegment(segment.firstPage, end.nextPage) + commitByteLength(bodyBytes);
  const commits = end.nextNumber - segment.firstNumber + 1;
  const fullBytes = Math.min(settings.segmentBytes, segment.sizeBytes - MAX_COMMIT_BYTES);
  return usedBytes >= fullBytes || commits >= settings.segmentCommits;
}
