import { describe, expect, it } from 'vitest';
import {
  type CheckName,
  checkHistory,
  encodeEvent,
  HistoryChecker,
  type HistoryEvent,
  hashOf,
  parseEvent,
} from '../src/index.ts';
import { goodBusHistory, taken } from './good-bus-history.ts';
import { both, type Mutation, plus, without, withoutOrphans } from './mutations.ts';

type Overflow = 'reject' | 'discard-incoming' | 'discard-existing';

const LIMIT = 4;
/** When everything had rested the last job was published. */
const RESTED_AT = 1050;

/** Twelve jobs go through `jobs` to a queue, a stream and a webhook, and on to `work`, of which one may be limited. */
function limitedHistory(overflow: Overflow, limited = 'jobs', limit = LIMIT): HistoryEvent[] {
  const events = goodBusHistory().map(
    (event): HistoryEvent =>
      event.kind === 'place' && event.name === limited ? { ...event, limit, overflow } : event,
  );
  const from = events.findIndex(({ kind, at }) => kind !== 'place' && at > RESTED_AT);
  return [...events.slice(0, from), { kind: 'rested', at: RESTED_AT }, ...events.slice(from)];
}

const checksOf = (events: HistoryEvent[]): CheckName[] =>
  checkHistory(withoutOrphans(events)).findings.map(({ check }) => check);

const notAt = (where: string, sequence: number): Mutation => without({ where, sequence });
const fromAllSinks = (sequence: number): Mutation =>
  both(...['work/sink-1', 'work/sink-2', 'work/sink-3'].map((where) => notAt(where, sequence)));

describe('a history of a router that leaves out what finds no room', () => {
  it.each(['reject', 'discard-incoming', 'discard-existing'] as const)(
    'under %s, with nothing missing, is accepted',
    (overflow) => {
      expect(checksOf(limitedHistory(overflow))).toEqual([]);
    },
  );

  it.each([
    ['the newest behind as many as may wait', 'discard-incoming', 4],
    ['the oldest before as many as may wait', 'discard-existing', 6],
  ] as const)('accepts that %s are missing', (_what, overflow, sequence) => {
    for (const where of ['audit', 'jobs/hook', 'archive'])
      expect(checksOf(notAt(where, sequence)(limitedHistory(overflow)))).not.toContain('missed');
    expect(checksOf(fromAllSinks(sequence)(limitedHistory(overflow, 'work')))).toEqual([]);
  });

  it.each([
    ['reject', 6],
    // There was room for the first ones, whatever waited.
    ['discard-incoming', 3],
    // Fewer came behind it before everything had rested.
    ['discard-existing', 8],
    // It was published when nothing waited.
    ['discard-incoming', 11],
    ['discard-existing', 11],
  ] as const)('is rejected under %s when number %i is missing', (overflow, sequence) => {
    expect(checksOf(notAt('audit', sequence)(limitedHistory(overflow)))).toContain('missed');
    expect(checksOf(fromAllSinks(sequence)(limitedHistory(overflow, 'work')))).toContain('missed');
  });

  it.each(['discard-incoming', 'discard-existing'] as const)(
    'is rejected under %s when fewer were ever there than may wait',
    (overflow) => {
      for (let sequence = 0; sequence < 12; sequence += 1)
        expect(checksOf(notAt('jobs/hook', sequence)(limitedHistory(overflow, 'jobs', 12)))).toContain(
          'missed',
        );
    },
  );

  it('is rejected when a queue gave out what nobody acknowledged', () => {
    const mutate = without({ kind: 'settling', where: 'audit', sequence: 6 });
    const also = without({ kind: 'settled', where: 'audit', sequence: 6 });
    expect(checksOf(both(mutate, also)(limitedHistory('discard-existing')))).toContain('lost');
  });

  const again: HistoryEvent = {
    kind: 'read',
    at: 20_000,
    stream: 'archive',
    consumer: 'final',
    producer: 'p',
    sequence: 10,
    hash: hashOf('p 10'),
    offset: 12 * 65_536,
    sequenceNumber: 12,
    timestamp: 2000,
  };

  it('is rejected when a stream holds a message twice, whatever was left out', () => {
    for (const overflow of ['discard-existing', 'discard-incoming'] as const)
      expect(checksOf([...limitedHistory(overflow), again])).toContain('duplicated');
  });

  it('does not wait for what may have been left out, but for what is on its way', () => {
    const outstanding = (mutate: Mutation): number => {
      const checker = new HistoryChecker();
      const events = withoutOrphans(mutate(limitedHistory('discard-existing')));
      for (const event of events) if (event.kind !== 'final' && event.kind !== 'read') checker.add(event);
      return checker.outstanding();
    };
    // The last one is owed to the stream, which nobody reads here.
    expect(outstanding(notAt('audit', 6))).toBe(1);
    expect(outstanding(without({ kind: 'taken', where: 'jobs/hook', sequence: 6 }))).toBe(2);
  });

  it('is written and read as it is', () => {
    expect(parseEvent(encodeEvent({ kind: 'rested', at: 5 }))).toEqual({ kind: 'rested', at: 5 });
  });

  it('still judges what a subscriber was given', () => {
    const unknown = taken('jobs/hook', { producer: 'p', sequence: 99, hash: 1, at: 500 });
    expect(checksOf(plus(...unknown)(limitedHistory('discard-existing')))).toContain('corrupt');
  });
});
