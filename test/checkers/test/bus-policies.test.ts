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
import { goodBusHistory, SINKS, taken } from './good-bus-history.ts';
import { both, type Mutation, plus, without, withoutOrphans } from './mutations.ts';

const AT_HOOK = 'jobs/hook';
/** Nobody behind `work` wants this one. */
const UNWANTED = 8;

const labelOf = (sequence: number): string =>
  sequence === UNWANTED ? 'green' : sequence % 3 === 0 ? 'red' : '';

const job = (sequence: number, at: number) => ({
  producer: 'p',
  sequence,
  hash: hashOf(`p ${sequence}`),
  at,
});

/** Every third job is red. The webhook and the first of the sinks want those, the other sinks those without a label. */
function filteredHistory(): HistoryEvent[] {
  const isLeftOut = (event: HistoryEvent): boolean =>
    'subscriber' in event &&
    (event.subscriber === AT_HOOK ? event.sequence % 3 !== 0 : event.sequence === UNWANTED);
  const events = goodBusHistory()
    .filter((event) => !isLeftOut(event))
    .map((event) =>
      event.kind === 'start' && event.producer === 'p' ? { ...event, label: labelOf(event.sequence) } : event,
    );
  const places = events.filter(({ kind }) => kind === 'place');
  const filters: HistoryEvent[] = [
    { kind: 'filtered', at: 0, router: 'jobs', target: AT_HOOK, labels: ['red'] },
    ...SINKS.map((target, index): HistoryEvent => {
      return { kind: 'filtered', at: 0, router: 'work', target, labels: [index === 0 ? 'red' : ''] };
    }),
  ];
  return [...places, ...filters, ...events.slice(places.length)];
}

const badlyFiltered: readonly [CheckName, string, Mutation][] = [
  ['unwanted', 'a webhook that was pushed what its filter leaves out', plus(...taken(AT_HOOK, job(1, 900)))],
  [
    'unwanted',
    'a webhook that was pushed that and did not take it',
    plus({ kind: 'pushed', subscriber: AT_HOOK, ...job(2, 900) }),
  ],
  ['unwanted', 'one of several that got what only another wants', plus(...taken(SINKS[1], job(3, 900)))],
  [
    'unwanted',
    'a queue whose consumer was given what its filter leaves out',
    plus({ kind: 'filtered', at: 0, router: 'jobs', target: 'audit', labels: ['red', 'green'] }),
  ],
  [
    'unwanted',
    'a stream that holds what its filter leaves out',
    plus({ kind: 'filtered', at: 0, router: 'jobs', target: 'archive', labels: [''] }),
  ],
  [
    'unwanted',
    'a dead letter that nobody wanted',
    plus({ kind: 'dead-letter', of: 'work', ...job(UNWANTED, 900), reason: 'HTTP 500', source: 'work' }),
  ],
  [
    'missed',
    'a webhook that did not get what its filter lets through',
    without({ where: AT_HOOK, sequence: 6 }),
  ],
  [
    'missed',
    'a message that one of several wants, and that came to none',
    without({ where: SINKS[0], sequence: 3 }),
  ],
];

describe('a history of filtered subscriptions', () => {
  it('of a cluster that did everything right is accepted', () => {
    expect(checkHistory(filteredHistory()).findings).toEqual([]);
  });

  it.each(badlyFiltered)('is rejected as %s for %s', (check, _what, mutate) => {
    const verdict = checkHistory(withoutOrphans(mutate(filteredHistory())));
    expect(verdict.findings.map((finding) => finding.check)).toContain(check);
  });

  it('is accepted when one of several got what two of them want', () => {
    const mutated = both(
      without({ where: SINKS[1], sequence: 4 }),
      plus(...taken(SINKS[2], job(4, 900))),
    )(filteredHistory());
    expect(checkHistory(mutated).findings).toEqual([]);
  });

  it('waits for nothing that is passed over', () => {
    const checker = new HistoryChecker();
    for (const event of filteredHistory()) if (event.kind !== 'at-rest') checker.add(event);
    expect(checker.outstanding()).toBe(0);
  });

  it('stands in lines like any other', () => {
    const history = filteredHistory();
    expect(history.map((event) => parseEvent(encodeEvent(event)))).toEqual(history);
    expect(() => parseEvent(JSON.stringify({ kind: 'filtered', at: 0, router: 'x', target: 'y' }))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });
});
