import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CheckName, checkHistory, type HistoryEvent, type Read } from '../src/index.ts';
import { goodHistory, STREAM, someHistory } from './good-history.ts';

type Mutation = (events: HistoryEvent[]) => HistoryEvent[];

const isRead = (event: HistoryEvent, consumer?: string): event is Read =>
  event.kind === 'read' && (consumer === undefined || event.consumer === consumer);

const of = (producer: string, sequence: number) => (event: HistoryEvent) =>
  'sequence' in event && event.producer === producer && event.sequence === sequence;

/** Changes the reads that `which` picks. */
const changeReads =
  (which: (read: Read) => boolean, change: (read: Read) => Partial<Read>): Mutation =>
  (events) =>
    events.map((event) => (isRead(event) && which(event) ? { ...event, ...change(event) } : event));

const without =
  (which: (event: HistoryEvent) => boolean): Mutation =>
  (events) =>
    events.filter((event) => !which(event));

/** Takes a place out of the stream as if it never had been: what stands behind moves up. */
const closingUp =
  (sequenceNumber: number): Mutation =>
  (events) =>
    events
      .filter((event) => !(isRead(event) && event.sequenceNumber === sequenceNumber))
      .map((event) => {
        const moved = (at: number): number => (at > sequenceNumber ? at - 1 : at);
        if (event.kind === 'final') return { ...event, nextSequenceNumber: event.nextSequenceNumber - 1 };
        if (event.kind !== 'read' && event.kind !== 'ack') return event;
        return { ...event, sequenceNumber: moved(event.sequenceNumber) };
      });

/** What stands at two sequence numbers changes places, for everybody who ever read them. */
const swapPlaces = (one: number, other: number): Mutation => {
  return (events) => {
    const at = (sequenceNumber: number): Read | undefined =>
      events.find(
        (event): event is Read => isRead(event, 'final') && event.sequenceNumber === sequenceNumber,
      );
    const [first, second] = [at(one), at(other)];
    if (!first || !second) throw new Error('nothing there to swap');
    const moved = events.map((event) => {
      if (event.kind !== 'read' && event.kind !== 'ack') return event;
      const to = event.sequenceNumber === one ? second : event.sequenceNumber === other ? first : undefined;
      return to && event.kind === 'ack'
        ? { ...event, offset: to.offset, sequenceNumber: to.sequenceNumber }
        : event;
    });
    return changeReads(
      (read) => read.sequenceNumber === one || read.sequenceNumber === other,
      (read) => {
        const from = read.sequenceNumber === one ? second : first;
        return { producer: from.producer, sequence: from.sequence, hash: from.hash };
      },
    )(moved);
  };
};

/** One more read of the final pass. */
const appendToFinal =
  (make: (last: Read) => Partial<Read>): Mutation =>
  (events) => {
    const last = events.filter((event) => isRead(event, 'final')).at(-1);
    if (!last || !isRead(last)) throw new Error('no final read');
    const next: Read = {
      ...last,
      sequenceNumber: last.sequenceNumber + 1,
      offset: last.offset + 65_536,
      timestamp: last.timestamp + 1,
      ...make(last),
    };
    return [...events, next].map((event) => {
      return event.kind === 'final' ? { ...event, nextSequenceNumber: next.sequenceNumber + 1 } : event;
    });
  };

const bad: readonly [CheckName, string, Mutation][] = [
  ['lost', 'an acknowledged message that nobody ever read', closingUp(1)],
  [
    'lost',
    'an acknowledged message that only a tail saw',
    without((event) => isRead(event, 'final') && of('b', 0)(event)),
  ],
  ['duplicated', 'a message that stands twice', appendToFinal(() => ({}))],
  [
    'duplicated',
    'a tail that was given a message again after it had resumed',
    (events) =>
      events.flatMap((event) => (isRead(event, 'tail-1') && of('a', 2)(event) ? [event, event] : [event])),
  ],
  ['reordered', 'two messages of one producer that changed places', swapPlaces(0, 1)],
  ['corrupt', 'other bytes than were published', changeReads(of('a', 1), () => ({ hash: 7 }))],
  ['corrupt', 'a message of nobody', appendToFinal(() => ({ producer: null, sequence: 0 }))],
  ['corrupt', 'a message of a producer that never published it', appendToFinal(() => ({ sequence: 999 }))],
  [
    'unread',
    'a message that was read and is gone',
    without((event) => isRead(event, 'final') && of('a', 4)(event)),
  ],
  [
    'divergent',
    'two consumers that see different messages at one offset',
    changeReads(
      (read) => read.consumer === 'part-1' && read.sequenceNumber === 3,
      () => ({ producer: 'b', sequence: 9 }),
    ),
  ],
  [
    'divergent',
    'two consumers that see different bytes of one message',
    changeReads(
      (read) => read.consumer === 'tail-1' && read.sequenceNumber === 2,
      () => ({ hash: 7 }),
    ),
  ],
  [
    'divergent',
    'a message that stands elsewhere than acknowledged',
    (events) =>
      events.map((event) => (event.kind === 'ack' && of('a', 2)(event) ? { ...event, offset: 1 } : event)),
  ],
  [
    'divergent',
    'two messages acknowledged at one offset',
    (events) =>
      events.map((event) =>
        event.kind === 'ack' && of('b', 0)(event) ? { ...event, offset: 0, sequenceNumber: 0 } : event,
      ),
  ],
  ['divergent', 'two sequence numbers at one offset', appendToFinal((last) => ({ offset: last.offset }))],
  [
    'divergent',
    'a retry that was answered with another place',
    (events) =>
      events.flatMap((event) =>
        event.kind === 'ack' && of('a', 0)(event)
          ? [event, { ...event, offset: 5, sequenceNumber: 60 }]
          : [event],
      ),
  ],
  [
    'gap',
    'a sequence number that was skipped',
    (events) =>
      changeReads(
        (read) => read.sequenceNumber >= 5,
        (read) => ({ sequenceNumber: read.sequenceNumber + 1 }),
      )(events),
  ],
  ['gap', 'a tail that missed a message', without((event) => isRead(event, 'tail-1') && of('a', 2)(event))],
  [
    'gap',
    'an end of the stream that the final read did not reach',
    (events) =>
      events.map((event) => (event.kind === 'final' ? { ...event, nextSequenceNumber: 50 } : event)),
  ],
  ['disordered', 'an offset that goes back', appendToFinal(() => ({ offset: 1 }))],
  ['disordered', 'a timestamp that goes back', appendToFinal(() => ({ timestamp: 1 }))],
  [
    'disordered',
    'two timestamps of one message',
    changeReads(
      (read) => read.consumer === 'part-1' && read.sequenceNumber === 3,
      (read) => ({ timestamp: read.timestamp + 1 }),
    ),
  ],
  [
    'failed-but-stored',
    'a publish that certainly failed and is there',
    appendToFinal(() => ({ producer: 'a', sequence: 3, hash: 7 })),
  ],
  [
    'two-leaders',
    'an epoch with two leaders',
    (events) => [...events, { kind: 'leader', at: 999, observer: 'other', nodeId: 'node-9', epoch: 1 }],
  ],
  [
    'two-leaders',
    'an answer that names another leader of its epoch',
    (events) =>
      events.map((event) =>
        event.kind === 'ack' && of('a', 0)(event) ? { ...event, leader: 'node-9' } : event,
      ),
  ],
  [
    'epoch-back',
    'an observer that saw the epoch go back',
    (events) => [...events, { kind: 'leader', at: 999, observer: 'watcher', nodeId: 'node-1', epoch: 1 }],
  ],
  [
    'epoch-back',
    'a commit of an older epoch behind one of a newer',
    changeReads(
      (read) => read.sequenceNumber === 8,
      () => ({ epoch: 1 }),
    ),
  ],
  ['incomplete', 'no final read', without((event) => event.kind === 'final')],
];

describe('a history', () => {
  it('of a cluster that did everything right is accepted', () => {
    expect(checkHistory(someHistory())).toEqual({
      ok: true,
      findings: [],
      events: someHistory().length,
      messages: { started: 12, acked: 9, failed: 1, unknown: 2, stored: 10 },
    });
  });

  it.each(bad)('is rejected as %s for %s', (check, _what, mutate) => {
    const verdict = checkHistory(mutate(someHistory()));
    expect(verdict.ok).toBe(false);
    expect(verdict.findings.map((finding) => finding.check)).toContain(check);
    for (const { count, first } of verdict.findings) {
      expect(count).toBeGreaterThan(0);
      expect(first).toMatch(/\w/);
    }
  });

  it('is rejected for what is wrong with it, and for nothing else', () => {
    const verdict = checkHistory(
      without((event) => isRead(event, 'tail-1') && of('a', 2)(event))(someHistory()),
    );
    expect(verdict.findings).toEqual([
      {
        check: 'gap',
        count: 1,
        first: 'tail-1, reading orders, was given sequence number 3 right after 1',
      },
    ]);
  });

  it('counts what is wrong and tells the first', () => {
    const history = someHistory().filter((event) => !(isRead(event, 'final') && event.sequenceNumber >= 6));
    const lost = checkHistory(history).findings.find(({ check }) => check === 'lost');
    expect(lost).toEqual({
      check: 'lost',
      count: 4,
      first: expect.stringMatching(/^a #6, acknowledged at offset \d+, sequence number 8, is not in orders$/),
    });
  });

  it('of which the oldest part was given up by retention is accepted', () => {
    const kept = someHistory()
      .filter((event) => !(isRead(event, 'final') && event.sequenceNumber < 4))
      .map((event) => (event.kind === 'final' ? { ...event, earliestSequenceNumber: 4 } : event));
    expect(checkHistory(kept)).toMatchObject({ ok: true });
  });

  it('of several streams is judged one by one', () => {
    const other = someHistory()
      .filter((event) => event.kind !== 'leader')
      .map((event) => ('stream' in event ? { ...event, stream: 'invoices' } : event));
    expect(checkHistory([...someHistory(), ...other])).toMatchObject({ ok: true, messages: { started: 24 } });
    const broken = other.filter((event) => !(isRead(event, 'final') && event.sequenceNumber === 0));
    const verdict = checkHistory([...someHistory(), ...broken]);
    expect(verdict.findings.every(({ first }) => first.includes('invoices'))).toBe(true);
    expect(verdict.ok).toBe(false);
  });

  it('of one message published with two values proves nothing, and is refused', () => {
    const again: HistoryEvent = { kind: 'start', at: 0, stream: STREAM, producer: 'a', sequence: 0, hash: 1 };
    expect(() => checkHistory([...someHistory(), again])).toThrow(
      expect.objectContaining({ name: 'HistoryError', code: 'contradiction' }),
    );
  });

  it('of any cluster that did everything right is accepted, in whatever order its recorders are put together', () => {
    const outcome = fc.constantFrom('ack', 'unknown, stored', 'unknown, not stored', 'fail' as const);
    const publishes = fc.array(fc.record({ producer: fc.constantFrom('a', 'b', 'c'), outcome }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(publishes, fc.integer({ min: 1, max: 5 }), (made, leaders) => {
        const history = goodHistory(made, { leaders });
        const consumersFirst = history.toSorted(
          (a, b) => Number(b.kind === 'read') - Number(a.kind === 'read'),
        );
        const finalFirst = consumersFirst.toSorted(
          (a, b) => Number(b.kind === 'final') - Number(a.kind === 'final'),
        );
        expect(checkHistory(history).findings).toEqual([]);
        expect(checkHistory(finalFirst).findings).toEqual([]);
      }),
    );
  });

  it('from which any read of the final pass is taken out is rejected', () => {
    const reads = someHistory().filter((event) => isRead(event, 'final')).length;
    for (let at = 0; at < reads; at++) {
      const history = someHistory().filter(
        (event) => !(isRead(event, 'final') && event.sequenceNumber === at),
      );
      expect(checkHistory(history).ok).toBe(false);
    }
  });
});
