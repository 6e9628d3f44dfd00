import { z } from 'zod';
import { commonPolicyFields } from './common.ts';

const MIB = 1024 * 1024;
const PAGE_BYTES = 512;

/** A segment has to hold at least one commit of the largest size (4 MiB); a page blob ends at 8 TiB. */
const MIN_SEGMENT_BYTES = 8 * MIB;
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024 * MIB;

/** Largest value of one message: with the longest key and headers it still fits one batch of 4 MiB − 4 KiB. */
export const MAX_MESSAGE_BYTES = 4 * MIB - 64 * 1024;

/**
 * How a stream keeps its messages.
 *
 * Retention removes whole segments, oldest first, never the newest; without a retention field nothing is ever removed.
 */
export const streamPolicySchema = z.strictObject({
  ...commonPolicyFields,
  /** Milliseconds after which a message may be removed. */
  retentionAgeMs: z.int().positive().optional(),
  /** Bytes of segments kept at least; the oldest segments above that may be removed. */
  retentionBytes: z.int().positive().optional(),
  /** Bytes after which a segment is full. Whole pages. */
  segmentBytes: z
    .int()
    .min(MIN_SEGMENT_BYTES)
    .max(MAX_SEGMENT_BYTES)
    .multipleOf(PAGE_BYTES)
    .default(1024 * MIB),
  /** Commits after which a segment is full, whatever its size: Azurite slows down past about 30,000 writes to a blob. */
  segmentCommits: z.int().min(2).max(1_000_000).default(20_000),
  /** Largest value of a message, bytes. */
  maxMessageSize: z.int().min(1).max(MAX_MESSAGE_BYTES).default(MAX_MESSAGE_BYTES),
});

export type StreamPolicy = z.infer<typeof streamPolicySchema>;

/** The policy of a stream that came to be by its first publish. */
export const defaultStreamPolicy: StreamPolicy = Object.freeze(streamPolicySchema.parse({}));
