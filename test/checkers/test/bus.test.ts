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
import { goodBusHistory, lockedBy, SINKS, taken } from './good-bus-history.ts';
import {
  both,
  change,
  type Kind,
  type Mutation,
  plus,
  sequenceOf,
  swapStanding,
  without,
  withoutOrphans,
} from './mutations.ts';

const job = (sequence: number, at: number) => ({
  producer: 'p',
  sequence,
  hash: hashOf(`p ${sequence}`),
  at,
});
const task = (sequence: number, at: number, delivery = 2) => ({
  producer: 't',
  sequence,
  hash: hashOf(`t ${sequence}`),
  at,
  delivery,
});
const again = (sequence: number, at: number): HistoryEvent => ({
  ...lockedBy('c3', 'tasks', task(sequence, at, 9)),
});

/** Numbers 3 and 4 of the jobs go to a stream beside the sinks, number 3 after number 4. */
const lateIntoLeft: Mutation = (events) => {
  const stays = events.filter(
    (event) =>
      !(
        'subscriber' in event &&
        SINKS.some((sink) => sink === event.subscriber) &&
        [3, 4].includes(event.sequence)
      ),
  );
  const ofLeft = { stream: 'left', consumer: 'the last', at: 20_000 };
  const read = (sequence: number, number: number): HistoryEvent => ({
    kind: 'read',
    ...ofLeft,
    ...job(sequence, ofLeft.at),
    offset: number * 65_536,
    sequenceNumber: number,
    timestamp: 20_000,
  });
  return [
    { kind: 'place', at: 0, name: 'left', role: 'stream' },
    ...stays.map(
      (event): HistoryEvent =>
        event.kind === 'place' && event.name === 'work' ? { ...event, targets: [...SINKS, 'left'] } : event,
    ),
    { kind: 'final', ...ofLeft, earliestSequenceNumber: 0, nextSequenceNumber: 2 },
    read(4, 0),
    read(3, 1),
  ];
};

const bad: readonly [CheckName, string, Mutation][] = [
  [
    'lost',
    'a message a queue accepted and nobody ever saw',
    without({ where: 'tasks', sequence: 4, kind: 'locked' }),
  ],
  [
    'lost',
    'a message that was locked by a consumer that died, and never came again',
    (events) => events.filter((event) => !('lock' in event && event.lock === 'tasks t 3 2')),
  ],
  [
    'lost',
    'a message whose consumer gave it back, and that went away',
    (events) => events.filter((event) => !('lock' in event && event.lock === 'tasks t 2 2')),
  ],
  [
    'lost',
    'a message of a router whose acknowledgement by the consumer of its queue was refused',
    both(
      without({ kind: 'settled', where: 'audit', sequence: 3 }),
      change({ kind: 'settling', where: 'audit', sequence: 3 }, (event) => {
        return { kind: 'lock-lost', at: event.at, lock: 'audit p 3 1' };
      }),
    ),
  ],
  [
    'lost',
    'a message a router accepted that is not in its stream',
    (events) =>
      events.filter(
        (event) =>
          sequenceOf(event) !== 11 ||
          !('producer' in event) ||
          event.kind === 'start' ||
          event.kind === 'accepted',
      ),
  ],
  ['missed', 'a queue that a router to all passed over', without({ where: 'audit', sequence: 6 })],
  [
    'missed',
    'a subscriber of a router to all that was passed over',
    without({ where: 'jobs/hook', sequence: 6 }),
  ],
  [
    'missed',
    'a subscriber that was given a message and did not acknowledge it',
    without({ where: 'jobs/hook', sequence: 6, kind: 'taken' }),
  ],
  [
    'missed',
    'a stream that a router to all passed over',
    without({ kind: 'read', where: 'archive', sequence: 11 }),
  ],
  [
    'missed',
    'a router that a router to all passed over',
    without({ kind: 'read', where: 'work', sequence: 11 }),
  ],
  ['missed', 'a message of a router to one that nobody took', without({ where: SINKS[0], sequence: 3 })],
  [
    'missed',
    'a message whose publisher was told nothing, that some got and others did not',
    without({ where: 'jobs/hook', sequence: 5 }),
  ],
  ['two-takers', 'a message of a router to one that two acknowledged', plus(...taken(SINKS[1], job(3, 900)))],
  [
    'duplicated',
    'a message that stands twice in a stream behind a router',
    (events) =>
      events.flatMap((event) =>
        event.kind === 'read' && event.stream === 'archive' && event.sequence === 11
          ? [event, { ...event, sequenceNumber: 12, offset: 12 * 65_536 }]
          : [event],
      ),
  ],
  [
    'duplicated',
    'a message that stands twice in the stream of a router behind a router',
    (events) =>
      events.flatMap((event) =>
        event.kind === 'read' && event.stream === 'work' && event.sequence === 11
          ? [event, { ...event, sequenceNumber: 12, offset: 12 * 65_536 }]
          : [event],
      ),
  ],
  ['reordered', 'two messages of a producer that changed places on the way', swapStanding('archive', 3, 4)],
  [
    'reordered',
    'messages of two producers that stand in another order than in the router they come from',
    (events) => {
      // Number 3 is said to be another producer's everywhere.
      const renamed = events.map((event): HistoryEvent => {
        return 'producer' in event && event.producer === 'p' && event.sequence === 3
          ? { ...event, producer: 'q', sequence: 0 }
          : event;
      });
      return renamed.map((event) => {
        if (event.kind !== 'read' || event.stream !== 'archive') return event;
        if (event.sequenceNumber === 3) return { ...event, producer: 'p', sequence: 4, hash: hashOf('p 4') };
        if (event.sequenceNumber === 4) return { ...event, producer: 'q', sequence: 0, hash: hashOf('p 3') };
        return event;
      });
    },
  ],
  [
    'divergent',
    'a message that stands elsewhere in the router than its answer said',
    change({ kind: 'accepted', where: 'jobs', sequence: 4 }, (event) => ({ ...event, sequenceNumber: 9 })),
  ],
  [
    'lock-broken',
    'a message that two consumers had under lock',
    plus(lockedBy('c3', 'tasks', task(0, 15, 9))),
  ],
  [
    'lock-broken',
    'a message that was given on while its lock was renewed',
    plus({ kind: 'renewed', at: 700, lock: 'tasks t 3 1', until: 1200 }),
  ],
  [
    'settled-late',
    'an acknowledgement that was taken after somebody else had been given the message',
    plus(
      { kind: 'settling', at: 950, lock: 'tasks t 3 1', how: 'acknowledged' },
      { kind: 'settled', at: 960, lock: 'tasks t 3 1', how: 'acknowledged' },
    ),
  ],
  ['given-again', 'a message that was given out after its acknowledgement', plus(again(0, 2000))],
  ['given-again', 'a message that was given out after it was dead-lettered', plus(again(1, 2000))],
  [
    'dead-letters',
    'a message that was dead-lettered and is not among the dead letters',
    without({ kind: 'dead-letter', where: 'tasks' }),
  ],
  [
    'dead-letters',
    'a dead letter that everybody had acknowledged',
    plus({ kind: 'dead-letter', of: 'tasks', ...task(0, 900), reason: 'none', source: 'tasks' }),
  ],
  [
    'dead-letters',
    'a dead letter that nobody was ever given',
    both(
      without({ where: 'tasks', sequence: 4, kind: 'locked' }),
      without({ where: 'tasks', sequence: 4, kind: 'settling' }),
      without({ where: 'tasks', sequence: 4, kind: 'settled' }),
      plus({ kind: 'dead-letter', of: 'tasks', ...task(4, 900), reason: 'none', source: 'tasks' }),
    ),
  ],
  [
    'dead-letters',
    'a dead letter that gives no reason',
    change({ kind: 'dead-letter', where: 'tasks' }, (event) => ({ ...event, reason: '' })),
  ],
  [
    'dead-letters',
    'a dead letter that says it comes from elsewhere',
    change({ kind: 'dead-letter', where: 'work' }, (event) => ({ ...event, source: 'jobs' })),
  ],
  [
    'corrupt',
    'a message that was pushed with other bytes',
    change({ kind: 'pushed', sequence: 2, where: 'jobs/hook' }, (event) => ({ ...event, hash: 7 })),
  ],
  [
    'corrupt',
    'a queue that gave out what nobody published',
    plus(lockedBy('c3', 'tasks', { ...task(99, 900), producer: 'x' })),
  ],
  [
    'failed-but-stored',
    'a publish that certainly failed and came out all the same',
    change({ kind: 'accepted', where: 'tasks', sequence: 4 }, (event) => {
      return { kind: 'fail', at: event.at, stream: 'tasks', producer: 't', sequence: 4, code: 'queue_full' };
    }),
  ],
  [
    'gap',
    'a follower of a stream behind a router that missed a message',
    (events) =>
      events.flatMap((event) => {
        if (event.kind !== 'read' || event.stream !== 'archive') return [event];
        const follower = { ...event, consumer: 'tail-1' };
        return event.sequence === 6 ? [event] : [event, follower];
      }),
  ],
  ['incomplete', 'nobody waited for everything to come to rest', without({ kind: 'at-rest' })],
  [
    'incomplete',
    'a stream behind a router that nobody read to the end',
    without({ kind: 'final', where: 'archive' }),
  ],
];

describe('a history of queues and routers', () => {
  it('of a cluster that did everything right is accepted', () => {
    const history = goodBusHistory();
    expect(checkHistory(history)).toEqual({
      ok: true,
      findings: [],
      events: history.length,
      messages: { started: 18, acked: 17, failed: 0, unknown: 1, stored: 18 },
    });
  });

  it.each(bad)('is rejected as %s for %s', (check, _what, mutate) => {
    const history = goodBusHistory();
    // Locks nobody was given any more can't be settled either.
    const mutated = withoutOrphans(mutate(history));
    expect(mutated).not.toEqual(history);
    const verdict = checkHistory(mutated);
    expect(verdict.findings.map((finding) => finding.check)).toContain(check);
    for (const { count, first } of verdict.findings) {
      expect(count).toBeGreaterThan(0);
      expect(first).toMatch(/\w/);
    }
  });

  it.each([
    ['a message pushed twice to the one subscriber that was chosen', plus(...taken(SINKS[0], job(3, 900)))],
    [
      'a subscriber that was given a message it did not acknowledge, before another took it',
      plus({ kind: 'pushed', subscriber: SINKS[1], ...job(3, 305) }),
    ],
    [
      'a message that stands twice in a queue, and is under lock by two consumers at once',
      plus(
        { ...lockedBy('c3', 'tasks', task(0, 15, 1)), lock: 'tasks t 0 copy', copy: 'another' },
        { kind: 'settling', at: 20, lock: 'tasks t 0 copy', how: 'acknowledged' },
        { kind: 'settled', at: 25, lock: 'tasks t 0 copy', how: 'acknowledged' },
      ),
    ],
    [
      'an acknowledgement nobody answered, of a message that is gone',
      without({ kind: 'settled', where: 'tasks', sequence: 4 }),
    ],
    [
      'a consumer that was told its lock is lost, and another that has the message then',
      plus({ kind: 'lock-lost', at: 900, lock: 'tasks t 3 1' }),
    ],
    [
      'a consumer that heard of its lock when it was over and the next one had acknowledged the message',
      (events: HistoryEvent[]) =>
        events.map((event) =>
          'lock' in event && event.kind === 'locked' && event.lock === 'tasks t 3 1'
            ? { ...event, at: 2000 }
            : event,
        ),
    ],
    [
      'a publish nobody answered that came nowhere',
      (events: HistoryEvent[]) =>
        events
          .filter(
            (event) =>
              !(
                'producer' in event &&
                event.producer === 't' &&
                event.sequence === 5 &&
                event.kind !== 'start'
              ),
          )
          .filter((event) => !('lock' in event && event.lock.startsWith('tasks t 5'))),
    ],
    [
      'a webhook that would not have a message, which is among the dead letters',
      both(without({ where: 'jobs/hook', sequence: 6 }), (events) => [
        ...events,
        { kind: 'dead-letter', of: 'jobs', ...job(6, 900), reason: 'HTTP 500', source: 'jobs' },
      ]),
    ],
    [
      'a stream of those of whom one is chosen, and which has got late what a webhook could not take',
      lateIntoLeft,
    ],
  ] satisfies [string, Mutation][])('accepts %s', (_what, mutate) => {
    const history = goodBusHistory();
    const mutated = mutate(history);
    expect(mutated).not.toEqual(history);
    expect(checkHistory(mutated).findings).toEqual([]);
  });

  it('is judged the same when recorders of several processes come in as they like', () => {
    const order: Partial<Record<Kind, number>> = { place: 0, start: 1, locked: 2, renewed: 3, settling: 4 };
    const history = goodBusHistory().toSorted((a, b) => (order[a.kind] ?? 5) - (order[b.kind] ?? 5));
    const finalFirst = history.toSorted((a, b) => Number(b.kind === 'place') - Number(a.kind === 'place'));
    expect(checkHistory(finalFirst).findings).toEqual([]);
  });

  it('tells how many accepted messages are still on their way', () => {
    const checker = new HistoryChecker();
    const left = goodBusHistory().map((event) => {
      checker.add(event);
      return checker.outstanding();
    });
    // What is in the archive is read in the end; one publish was never answered, and so is not waited for; one task.
    expect(Math.max(...left)).toBe(12);
    expect(left.at(-1)).toBe(0);
  });

  it('stands in lines like any other', () => {
    const history = goodBusHistory();
    expect(history.map((event) => parseEvent(encodeEvent(event)))).toEqual(history);
    for (const wrong of [
      { kind: 'place', at: 0, name: 'x', role: 'hat' },
      { kind: 'place', at: 0, name: 'x', role: 'router', targets: [1] },
      { kind: 'settled', at: 0, lock: 'x', how: 'forgotten' },
      { kind: 'locked', at: 0, lock: 'x' },
    ])
      expect(() => parseEvent(JSON.stringify(wrong))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it.each([
    ['a lock nobody was given', { kind: 'settled', at: 0, lock: 'x', how: 'acknowledged' }],
    ['a lock that was given twice', lockedBy('c3', 'tasks', task(0, 15, 1))],
    ['a place that is told of twice', { kind: 'place', at: 0, name: 'tasks', role: 'queue' }],
  ] satisfies [string, HistoryEvent][])('that contradicts itself by %s is refused', (_what, event) => {
    expect(() => checkHistory([...goodBusHistory(), event])).toThrow(
      expect.objectContaining({ name: 'HistoryError', code: 'contradiction' }),
    );
  });
});
