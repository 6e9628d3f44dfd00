import { describe, expect, it } from 'vitest';
import {
  type CheckName,
  checkHistory,
  encodeEvent,
  HistoryChecker,
  type HistoryEvent,
  hashOf,
  type Place,
  parseEvent,
  type Settlement,
} from '../src/index.ts';

const LIMIT = 3;
const LOCK_MS = 500;
const LATE = 100_000;

interface Told {
  readonly ttlMs?: number;
  readonly redrives?: number;
}

const named = (sequence: number) => ({ producer: 't', sequence });
const entry = (sequence: number) => ({ queue: 'tray', copy: `entry ${sequence}` });

/** A message is published and gets into the queue, 5 ms later. */
const put = (sequence: number, at: number, { ttlMs, redrives = 0 }: Told = {}): HistoryEvent[] => [
  {
    kind: 'start',
    at,
    stream: 'tray',
    ...named(sequence),
    hash: hashOf(`t ${sequence}`),
    ...(ttlMs !== undefined && { ttlMs }),
  },
  { kind: 'put-in', at: at + 5, ...entry(sequence), ...named(sequence), redrives },
  { kind: 'accepted', at: at + 10, stream: 'tray', ...named(sequence) },
];

const gone = (sequence: number, at: number): HistoryEvent[] => [
  { kind: 'taken-out', at, ...entry(sequence) },
];

/** A consumer is given it, and does something with it 50 ms later. */
const given = (sequence: number, at: number, how: Settlement = 'acknowledged'): HistoryEvent[] => {
  const lock = `lock ${sequence} ${at}`;
  return [
    { kind: 'fetched', at, ...entry(sequence) },
    {
      kind: 'locked',
      at,
      consumer: 'c',
      ...entry(sequence),
      ...named(sequence),
      hash: hashOf(`t ${sequence}`),
      lock,
      delivery: 1,
      until: at + LOCK_MS,
    },
    { kind: 'settling', at: at + 50, lock, how },
    ...(how === 'given-back' ? [] : gone(sequence, at + 52)),
    { kind: 'settled', at: at + 55, lock, how },
  ];
};

function history(overflow: NonNullable<Place['overflow']>, ...events: HistoryEvent[][]): HistoryEvent[] {
  return [
    { kind: 'place', at: 0, name: 'tray', role: 'queue', limit: LIMIT, overflow, lockMs: LOCK_MS },
    ...events.flat(),
    { kind: 'at-rest', at: LATE },
  ];
}

const failed = (sequence: number): HistoryEvent => {
  return { kind: 'fail', at: 900, stream: 'tray', ...named(sequence), code: 'queue_full' };
};

const good: readonly [string, HistoryEvent[]][] = [
  [
    'all that was taken was dealt with',
    history('reject', put(0, 0), put(1, 1), given(0, 100), given(1, 200)),
  ],
  [
    'what was refused came nowhere',
    history('reject', put(0, 0), given(0, 100), put(1, 50).slice(0, 1), [failed(1)]),
  ],
  [
    'the oldest made room for what came when it was full',
    history(
      'discard-existing',
      ...[0, 1, 2].map((sequence) => put(sequence, sequence)),
      gone(0, 500),
      put(3, 490),
      ...[1, 2, 3].map((sequence) => given(sequence, 600 + sequence)),
    ),
  ],
  [
    'one that was older had been fetched before, and was hidden when room was made',
    history(
      'discard-existing',
      ...[0, 1, 2].map((sequence) => put(sequence, sequence)),
      given(0, 400, 'given-back'),
      gone(1, 500),
      put(3, 490),
      ...[2, 3].map((sequence) => given(sequence, 600 + sequence)),
      given(0, 1500),
    ),
  ],
  ['one went when its time was over', history('reject', put(0, 0, { ttlMs: 300 }), gone(0, 310))],
  [
    'one was given out in time, held till it was over, and went then',
    history('reject', put(0, 0, { ttlMs: 300 }), given(0, 250, 'given-back'), gone(0, 900)),
  ],
  [
    'one more was let in by a count that is a second old',
    history(
      'reject',
      ...Array.from({ length: 2 * LIMIT + 2 }, (_, sequence) => put(sequence, sequence * 100)),
      ...Array.from({ length: 2 * LIMIT + 2 }, (_, sequence) => given(sequence, 2000 + sequence)),
    ),
  ],
];

const full = Array.from({ length: LIMIT + 4 }, (_, sequence) => sequence);

const bad: readonly [CheckName, string, HistoryEvent[]][] = [
  [
    'lost',
    'a message never got into the queue',
    history(
      'reject',
      put(0, 0).filter(({ kind }) => kind !== 'put-in'),
    ),
  ],
  ['lost', 'one that lives for ever went unseen', history('reject', put(0, 0), gone(0, 500))],
  ['discarded', 'the same', history('reject', put(0, 0), gone(0, 500))],
  [
    'discarded',
    'one went before its time was over',
    history('reject', put(0, 0, { ttlMs: 3000 }), gone(0, 500)),
  ],
  [
    'discarded',
    'one went that its consumer had given back',
    history('discard-incoming', put(0, 0), given(0, 100, 'given-back'), gone(0, 300)),
  ],
  [
    'discarded',
    'a newer one made room while an older one waited',
    history(
      'discard-existing',
      ...[0, 1, 2].map((sequence) => put(sequence, sequence)),
      gone(1, 500),
      put(3, 490),
      ...[0, 2, 3].map((sequence) => given(sequence, 600 + sequence)),
    ),
  ],
  [
    'discarded',
    'one made room where there was enough',
    history('discard-existing', put(0, 0), gone(0, 500), put(1, 490), given(1, 600)).map((event) =>
      event.kind === 'place' ? { ...event, limit: 10 } : event,
    ),
  ],
  [
    'overfull',
    'messages were let in that all of a count was against',
    history(
      'reject',
      ...full.map((sequence) => put(sequence, sequence)),
      put(99, 5000),
      ...[...full, 99].map((sequence) => given(sequence, 6000 + sequence)),
    ),
  ],
  [
    'outlived',
    'one was given out when its time was over',
    history('reject', put(0, 0, { ttlMs: 300 }), given(0, 400)),
  ],
  [
    'failed-but-stored',
    'one that found no room came out',
    history('discard-incoming', put(0, 0).slice(0, 2), [failed(0)], given(0, 100)),
  ],
  [
    'dead-letters',
    'one that its consumer buried went when its time was over',
    history('reject', put(0, 0, { ttlMs: 300 }), given(0, 200, 'dead-lettered')),
  ],
];

describe('a history of a queue with a limit', () => {
  it.each(good)('is accepted when %s', (_what, events) => {
    expect(checkHistory(events).findings).toEqual([]);
  });

  it.each(bad)('is rejected as %s when %s', (check, _what, events) => {
    expect(checkHistory(events).findings.map((finding) => finding.check)).toContain(check);
  });

  it('waits for what is in the queue, and not for what may have gone', () => {
    const checker = new HistoryChecker();
    const counts = history('reject', put(0, 0, { ttlMs: 300 }), put(1, 10), gone(0, 310), given(1, 400)).map(
      (event) => {
        checker.add(event);
        return event.kind === 'accepted' || event.kind === 'taken-out' ? checker.outstanding() : undefined;
      },
    );
    expect(counts.filter((count) => count !== undefined)).toEqual([1, 2, 1, 0]);
  });

  it('stands in lines like any other, and contradicts itself by an entry nobody put in', () => {
    const events = history('discard-existing', put(0, 0, { ttlMs: 300 }), gone(0, 310));
    expect(events.map((event) => parseEvent(encodeEvent(event)))).toEqual(events);
    expect(() => checkHistory(history('reject', gone(0, 1)))).toThrow(
      expect.objectContaining({ name: 'HistoryError', code: 'contradiction' }),
    );
  });
});
