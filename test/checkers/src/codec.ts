import { crc32 } from 'node:zlib';
import { HistoryError, type HistoryEvent } from './events.ts';

/** Counts above this are taken for a mistake: tables are kept by them. */
export const MAX_COUNT = 100_000_000;

/** The `hash` of a message's value. */
export const hashOf = (value: Uint8Array | string): number => crc32(value);

/** One line, without its end. */
export const encodeEvent = (event: HistoryEvent): string => JSON.stringify(event);

/** A list of texts means one of them. */
type FieldKind = 'text' | 'text or null' | 'texts' | 'time' | 'count' | 'integer' | readonly string[];

const message = { at: 'time', stream: 'text', producer: 'text', sequence: 'count' } as const;
const given = { at: 'time', producer: 'text', sequence: 'count' } as const;
const ofLock = { at: 'time', lock: 'text' } as const;
const ofEntry = { at: 'time', queue: 'text', copy: 'text' } as const;
const ofBody = { at: 'time', body: 'text' } as const;
const settlement = ['acknowledged', 'given-back', 'dead-lettered'] as const;

/** Required fields of each kind of event, and optional ones. */
const SHAPES: Readonly<
  Record<HistoryEvent['kind'], { required: Record<string, FieldKind>; optional?: Record<string, FieldKind> }>
> = {
  start: { required: { ...message, hash: 'integer' }, optional: { label: 'text', ttlMs: 'time' } },
  ack: {
    required: { ...message, offset: 'integer', sequenceNumber: 'count' },
    optional: { leader: 'text', epoch: 'count' },
  },
  fail: { required: { ...message, code: 'text' } },
  unknown: { required: { ...message, code: 'text' } },
  read: {
    required: {
      ...message,
      producer: 'text or null',
      consumer: 'text',
      offset: 'integer',
      sequenceNumber: 'count',
      timestamp: 'integer',
      hash: 'integer',
    },
    optional: { epoch: 'count' },
  },
  final: {
    required: {
      at: 'time',
      stream: 'text',
      consumer: 'text',
      earliestSequenceNumber: 'count',
      nextSequenceNumber: 'count',
    },
  },
  leader: { required: { at: 'time', observer: 'text', nodeId: 'text', epoch: 'count' } },
  mark: { required: { at: 'time', name: 'text' } },
  place: {
    required: { at: 'time', name: 'text', role: ['router', 'queue', 'stream', 'subscriber'] },
    optional: {
      distribution: ['all', 'one'],
      targets: 'texts',
      limit: 'count',
      overflow: ['reject', 'discard-incoming', 'discard-existing'],
      lockMs: 'time',
    },
  },
  filtered: { required: { at: 'time', router: 'text', target: 'text', labels: 'texts' } },
  expires: { required: { at: 'time', router: 'text', target: 'text', until: 'time' } },
  paused: { required: { at: 'time', router: 'text', target: 'text' } },
  resumes: { required: { at: 'time', router: 'text', target: 'text' } },
  rested: { required: { at: 'time' } },
  'put-in': { required: { ...given, ...ofEntry }, optional: { redrives: 'count' } },
  fetched: { required: ofEntry },
  'taken-out': { required: ofEntry },
  'body-stored': { required: ofBody },
  'body-referred': { required: { ...ofBody, copy: 'text' } },
  'body-done': { required: { ...ofBody, copy: 'text' } },
  'body-removed': { required: ofBody },
  tidied: { required: { at: 'time' } },
  accepted: { required: message, optional: { sequenceNumber: 'count' } },
  locked: {
    required: {
      ...given,
      ...ofLock,
      queue: 'text',
      consumer: 'text',
      copy: 'text',
      hash: 'integer',
      delivery: 'count',
      until: 'time',
    },
    optional: { redrives: 'count' },
  },
  renewed: { required: { ...ofLock, until: 'time' } },
  settling: { required: { ...ofLock, how: settlement } },
  settled: { required: { ...ofLock, how: settlement } },
  'lock-lost': { required: ofLock },
  pushed: { required: { ...given, subscriber: 'text', hash: 'integer' } },
  taken: { required: { ...given, subscriber: 'text' } },
  buried: { required: { ...given, of: 'text' } },
  'dead-letter': {
    required: { ...given, of: 'text', hash: 'integer', reason: 'text', source: 'text' },
  },
  'at-rest': { required: { at: 'time' } },
};

/** Prepared once: millions of lines are checked against it. */
const FIELDS = new Map(
  Object.entries(SHAPES).map(([kind, { required, optional }]) => [
    kind,
    { required: Object.entries(required), optional: Object.entries(optional ?? {}) },
  ]),
);

/** The event in one line. Throws HistoryError `malformed`, naming `lineNumber` and the field. */
export function parseEvent(text: string, lineNumber?: number): HistoryEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HistoryError('malformed', `no JSON: ${text.slice(0, 80)}`, lineNumber);
  }
  requireEvent(value, lineNumber);
  return value;
}

function requireEvent(value: unknown, lineNumber: number | undefined): asserts value is HistoryEvent {
  const problem = problemOf(value);
  if (problem !== undefined) throw new HistoryError('malformed', problem, lineNumber);
}

function problemOf(value: unknown): string | undefined {
  if (!isRecord(value)) return 'no object';
  const fields = FIELDS.get(String(value.kind));
  if (!fields) return `no such kind of event: ${String(value.kind)}`;
  for (const [name, kind] of fields.required) {
    if (!fits(value[name], kind))
      return `${name} of ${value.kind} should be ${saying(kind)}, not ${JSON.stringify(value[name])}`;
  }
  for (const [name, kind] of fields.optional) {
    if (value[name] !== undefined && !fits(value[name], kind))
      return `${name} of ${value.kind} should be ${saying(kind)}`;
  }
  return undefined;
}

const saying = (kind: FieldKind): string => (typeof kind === 'string' ? `a ${kind}` : kind.join(' or '));

function fits(value: unknown, kind: FieldKind): boolean {
  if (typeof kind !== 'string') return typeof value === 'string' && kind.includes(value);
  if (kind === 'texts') return Array.isArray(value) && value.every((each) => typeof each === 'string');
  if (kind === 'text') return typeof value === 'string';
  if (kind === 'text or null') return typeof value === 'string' || value === null;
  if (kind === 'time') return Number.isFinite(value);
  if (!Number.isSafeInteger(value)) return false;
  return kind === 'integer' || (typeof value === 'number' && value >= 0 && value <= MAX_COUNT);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
