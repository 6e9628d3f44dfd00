import { type HistoryEvent, hashOf, type Read } from '../src/index.ts';

type Outcome = 'ack' | 'unknown, stored' | 'unknown, not stored' | 'fail';

export interface Publish {
  producer: string;
  outcome: Outcome;
}

export const STREAM = 'orders';
const PAGES_PER_COMMIT = 65_536;

/**
 * The history of a cluster that did everything right: these publishes one after the other, a consumer that tails the
 * stream, one that read a part of it, and the final read.
 */
export function goodHistory(
  publishes: readonly Publish[],
  options: { leaders?: number } = {},
): HistoryEvent[] {
  const leaders = options.leaders ?? 2;
  const counts = new Map<string, number>();
  const events: HistoryEvent[] = [];
  const stored: Read[] = [];
  for (const [index, { producer, outcome }] of publishes.entries()) {
    const at = index * 10;
    const sequence = counts.get(producer) ?? 0;
    counts.set(producer, sequence + 1);
    const epoch = 1 + Math.floor((index * leaders) / publishes.length);
    const message = { at, stream: STREAM, producer, sequence };
    const hash = hashOf(`${producer} ${sequence}`);
    events.push({ ...message, kind: 'start', hash });
    const place = { offset: stored.length * 3 * PAGES_PER_COMMIT, sequenceNumber: stored.length };
    if (outcome === 'ack')
      events.push({ ...message, at: at + 5, kind: 'ack', ...place, leader: `node-${epoch}`, epoch });
    else if (outcome === 'fail') events.push({ ...message, at: at + 5, kind: 'fail', code: 'too_large' });
    else events.push({ ...message, at: at + 5, kind: 'unknown', code: 'outcome_unknown' });
    events.push({ at, kind: 'leader', observer: 'watcher', nodeId: `node-${epoch}`, epoch });
    if (outcome === 'fail' || outcome === 'unknown, not stored') continue;
    const read: Read = {
      ...message,
      kind: 'read',
      consumer: 'tail-1',
      timestamp: 1_000 + at,
      hash,
      ...place,
      epoch,
    };
    events.push(read);
    stored.push(read);
  }
  const at = publishes.length * 10;
  const part = stored.slice(Math.floor(stored.length / 3), Math.ceil(stored.length / 2));
  events.push(...part.map((read) => ({ ...read, at, consumer: 'part-1' })));
  const next = stored.length;
  events.push({
    at,
    kind: 'final',
    stream: STREAM,
    consumer: 'final',
    earliestSequenceNumber: 0,
    nextSequenceNumber: next,
  });
  events.push(...stored.map((read) => ({ ...read, at, consumer: 'final' })));
  return events;
}

/** Twelve publishes of two producers, of every outcome: enough for each mutation to find its place. */
export const someHistory = (): HistoryEvent[] =>
  goodHistory([
    ...(['ack', 'ack', 'ack', 'fail', 'unknown, stored', 'ack'] as const).map((outcome) => ({
      producer: 'a',
      outcome,
    })),
    ...(['ack', 'unknown, not stored', 'ack', 'ack'] as const).map((outcome) => ({ producer: 'b', outcome })),
    { producer: 'a', outcome: 'ack' },
    { producer: 'b', outcome: 'ack' },
  ]);
