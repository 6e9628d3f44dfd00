import type { BusEvent } from './bus/events.ts';

/**
 * A history: what producers, consumers and observers of a cluster saw, one event a line of JSON.
 *
 * Times (`at`) are milliseconds on one clock of the recorder that never goes back; only differences mean anything.
 * A message is known by its producer and its place in that producer's own count, both of which the workload writes
 * into the message, so that whoever reads it knows which it is. `hash` is the CRC-32 of its value (`hashOf`).
 */
export type HistoryEvent =
  | BusEvent
  | PublishStart
  | PublishAck
  | PublishFail
  | PublishUnknown
  | Read
  | FinalRead
  | LeaderSeen
  | Mark;

/** A message of one producer: `sequence` counts its messages in this stream 0, 1, 2, … in the order it publishes them. */
interface OfMessage {
  at: number;
  stream: string;
  producer: string;
  sequence: number;
}

/** Written down before anything is sent. */
export interface PublishStart extends OfMessage {
  kind: 'start';
  hash: number;
  /** What filters of routers choose by; one without has the label ''. */
  label?: string;
  /** It is not to be given out any more so long after it was put into its queue; without it, it lives for ever. */
  ttlMs?: number;
}

/** The publish was acknowledged: the message must be in the stream, once, there, for ever. */
export interface PublishAck extends OfMessage {
  kind: 'ack';
  offset: number;
  sequenceNumber: number;
  /** Who led, and in which epoch, according to the answer. */
  leader?: string;
  epoch?: number;
}

/** The publish was refused in a way that says: certainly not stored, now or later. */
export interface PublishFail extends OfMessage {
  kind: 'fail';
  code: string;
}

/** The producer gave up not knowing. The message may be in the stream once, or not at all. */
export interface PublishUnknown extends OfMessage {
  kind: 'unknown';
  code: string;
}

/** A consumer was given a message. One `consumer` is one pass: it must see every message from its first to its last, once. */
export interface Read {
  kind: 'read';
  at: number;
  stream: string;
  consumer: string;
  offset: number;
  sequenceNumber: number;
  timestamp: number;
  /** Null when the message does not say: it is none the workload made. */
  producer: string | null;
  sequence: number;
  hash: number;
  /** Epoch of the commit it came in, where the consumer can see it. */
  epoch?: number;
}

/**
 * Everything has come to rest, and the reads of `consumer` that follow are its pass over the whole stream. What is not
 * among them is not in the stream.
 */
export interface FinalRead {
  kind: 'final';
  at: number;
  stream: string;
  consumer: string;
  /** What the stream said it holds: the first sequence number and the one after the last. */
  earliestSequenceNumber: number;
  nextSequenceNumber: number;
}

/** `observer` was told, or read in storage, who leads. */
export interface LeaderSeen {
  kind: 'leader';
  at: number;
  observer: string;
  nodeId: string;
  epoch: number;
}

/** Something the run did to the cluster: `fault`, `heal` and the like. */
export interface Mark {
  kind: 'mark';
  at: number;
  name: string;
}

export type HistoryErrorCode =
  /** A line is no event. */
  | 'malformed'
  /** The recorder contradicts itself, so nothing can be concluded from it. */
  | 'contradiction';

/** The history itself is no good; that says nothing about the cluster. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  readonly code: HistoryErrorCode;
  /** Number of the line, from 1, where one is to blame. */
  readonly line: number | undefined;

  constructor(code: HistoryErrorCode, message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`);
    this.code = code;
    this.line = line;
  }
}
