import { readFileSync } from 'node:fs';
import type { FramingErrorCode, Message } from '../src/index.ts';

const FOLDER = new URL('../golden/v1/', import.meta.url);

/** Reads a vector: hex digits, spaces, and comments from # to the end of the line. */
export function goldenBytes(file: string): Uint8Array {
  const text = readFileSync(new URL(file, FOLDER), 'utf8');
  const digits = text.replaceAll(/#.*/g, '').replaceAll(/\s/g, '');
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error(`${file} is not hex`);
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

function json<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'));
}

interface GoldenMessage {
  readonly key?: string;
  readonly value: string;
  readonly kind: Message['kind'];
  readonly headers: readonly (readonly [string, string])[];
}

interface GoldenBatch {
  readonly shape: 'batch';
  readonly file: string;
  readonly byteLength: number;
  readonly codec: 'none' | 'zstd';
  readonly recordsBytes: number;
  readonly producer: { id: string; epoch: number; sequence: number } | null;
  readonly messages: readonly GoldenMessage[];
}

interface GoldenCommit {
  readonly shape: 'commit';
  readonly file: string;
  readonly commit: {
    readonly streamId: string;
    readonly epoch: number;
    readonly page: number;
    readonly number: number;
    readonly firstSequenceNumber: number;
    readonly timestamp: number;
    readonly skips: readonly number[];
    readonly messageCount: number;
    readonly lastInSegment: boolean;
  };
  readonly batches: readonly string[];
  readonly checkpoint: string | null;
  readonly bodyBytes: number;
  readonly pages: number;
}

interface GoldenCheckpoint {
  readonly shape: 'checkpoint';
  readonly file: string;
  readonly entries: readonly {
    readonly id: string;
    readonly epoch: number;
    readonly answers: readonly {
      readonly sequence: number;
      readonly count: number;
      readonly firstOffset: number;
      readonly nextOffset: number;
      readonly firstSequenceNumber: number;
      readonly timestamp: number;
    }[];
  }[];
}

export interface CorruptVector {
  readonly file: string;
  readonly shape: 'batch' | 'commit' | 'checkpoint';
  readonly code: FramingErrorCode;
  readonly at: number;
  readonly what: string;
  readonly blank?: boolean;
  readonly expected?: { page?: number; streamId?: string };
}

interface CorruptVectors {
  readonly bytes: readonly CorruptVector[];
  readonly messageIds: readonly { readonly id: string; readonly at: number; readonly what: string }[];
}

export interface GoldenValues {
  readonly messageIds: readonly {
    readonly streamId: string;
    readonly timestamp: number;
    readonly sequenceNumber: number;
    readonly streamHash: number;
    readonly id: string;
  }[];
  readonly offsets: readonly { readonly page: number; readonly index: number; readonly offset: number }[];
  readonly skipTargets: readonly { readonly number: number; readonly targets: readonly number[] }[];
}

const valid = json<readonly (GoldenBatch | GoldenCommit | GoldenCheckpoint)[]>('valid.json');
export const goldenBatches = valid.filter((vector) => vector.shape === 'batch');
export const goldenCommits = valid.filter((vector) => vector.shape === 'commit');
export const goldenCheckpoints = valid.filter((vector) => vector.shape === 'checkpoint');
export const goldenValues = json<GoldenValues>('values.json');
export const corrupt = json<CorruptVectors>('corrupt.json');

/** The messages of a golden batch as the library takes and gives them. */
export function messagesOf(batch: GoldenBatch): Message[] {
  return batch.messages.map((message) => ({
    key: message.key,
    value: new Uint8Array(Buffer.from(message.value, 'hex')),
    kind: message.kind,
    headers: message.headers,
  }));
}
