import { describe, expect, it } from 'vitest';
import {
  type CheckName,
  checkHistory,
  encodeEvent,
  type HistoryEvent,
  hashOf,
  parseEvent,
} from '../src/index.ts';
import { goodBusHistory, lockedBy } from './good-bus-history.ts';
import { without } from './mutations.ts';

type BodyEvent = Extract<HistoryEvent, { body: string }>;

const stored = (body: string): BodyEvent => ({ kind: 'body-stored', at: 1, body });
const referred = (body: string, copy: string): BodyEvent => ({ kind: 'body-referred', at: 2, body, copy });
const done = (body: string, copy: string): BodyEvent => ({ kind: 'body-done', at: 3, body, copy });
const tidied: HistoryEvent = { kind: 'tidied', at: 5 };
const removed = (body: string): BodyEvent => ({ kind: 'body-removed', at: 4, body });

/** A history that is right, with these events of bodies in it. */
function withBodies(...events: readonly HistoryEvent[]): HistoryEvent[] {
  return goodBusHistory().flatMap((event): HistoryEvent[] =>
    event.kind === 'at-rest' ? [...events, tidied, event] : [event],
  );
}

const [A, B] = ['m-a', 'd-b'] as const;
const whole = [stored(A), referred(A, 'one'), done(A, 'one'), removed(A)];

/** Somebody acknowledged message `t 1`, which somebody else dead-letters. */
function acknowledged(copy: string): HistoryEvent[] {
  const given = { producer: 't', sequence: 1, hash: hashOf('t 1'), at: 103, delivery: 7 };
  const locked = lockedBy('c4', 'tasks', given);
  const end = { lock: locked.lock, how: 'acknowledged' } as const;
  return [
    { ...locked, copy },
    { kind: 'settling', at: 104, ...end },
    { kind: 'settled', at: 105, ...end },
  ];
}

describe('a history with bodies that are stored apart', () => {
  it.each([
    ['each is there for as long as its message', whole],
    ['a message is still there in the end, and its body is', [...whole, stored(B), referred(B, 'two')]],
    ['a message that never came is without a body', [stored(A), removed(A)]],
    [
      'a message has come twice, and one of the two has been dealt with',
      [stored(A), referred(A, 'one'), referred(A, 'twin'), done(A, 'one'), removed(A), done(A, 'twin')],
    ],
    ['the twin of one that has been dealt with comes late', [...whole, referred(A, 'twin'), done(A, 'twin')]],
    ['a body is stored again, late, and removed as well', [...whole, stored(A), removed(A)]],
  ] satisfies [string, BodyEvent[]][])('is accepted when %s', (_what, events) => {
    expect(checkHistory(withBodies(...events)).findings).toEqual([]);
  });

  it.each([
    ['bodiless', 'a message whose body was never stored', [referred(A, 'one'), done(A, 'one')]],
    ['bodiless', 'one that came after its body was removed', [stored(A), removed(A), referred(A, 'one')]],
    ['bodiless', 'a body that went before its message', [stored(A), referred(A, 'one'), removed(A)]],
    [
      'bodiless',
      'a body that went when somebody was done with another message',
      [...whole.slice(0, 2), stored(B), referred(B, 'two'), done(A, 'one'), removed(A), removed(B)],
    ],
    ['orphaned', 'a body whose message never came', [stored(A)]],
    ['orphaned', 'one that was left behind', whole.slice(0, 3)],
    ['orphaned', 'one that came back', [...whole, stored(A)]],
  ] satisfies [CheckName, string, BodyEvent[]][])('is rejected as %s for %s', (check, _what, events) => {
    expect(checkHistory(withBodies(...events)).findings.map((found) => found.check)).toEqual([check]);
  });

  it.each([
    ['accepted when it came twice, with one body', [], referred(A, 'twin')],
    ['rejected when each had a body of its own', ['dead-letters'], referred(B, 'twin')],
  ] satisfies [string, CheckName[], BodyEvent][])(
    'without a dead letter for a message that somebody else had acknowledged is %s',
    (_what, found, twin) => {
      const bodies = [
        stored(A),
        stored(B),
        referred(A, 't 1'),
        twin,
        done(twin.body, 'twin'),
        done(A, 't 1'),
      ];
      const gone = [removed(A), removed(B)];
      const events = without({ kind: 'dead-letter', where: 'tasks' })(
        withBodies(...bodies, ...gone, ...acknowledged('twin')),
      );
      const judged = checkHistory(events).findings;
      expect(judged.map(({ check }) => check)).toEqual(found);
    },
  );

  it('is not judged by what is left behind while a queue holds something', () => {
    const events = withBodies(stored(A)).filter(({ kind }) => kind !== 'tidied');
    expect(checkHistory(events).findings).toEqual([]);
  });

  it('is written and read as it is', () => {
    for (const event of [...whole, tidied]) expect(parseEvent(encodeEvent(event))).toEqual(event);
  });
});
