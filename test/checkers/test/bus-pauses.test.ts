import { describe, expect, it } from 'vitest';
import { type CheckName, checkHistory, encodeEvent, type HistoryEvent, parseEvent } from '../src/index.ts';
import { goodBusHistory, SINKS } from './good-bus-history.ts';
import { swapStanding, withoutOrphans } from './mutations.ts';

const checksOf = (events: HistoryEvent[]): CheckName[] =>
  checkHistory(withoutOrphans(events)).findings.map(({ check }) => check);

/** What is said just before anything that happens from this time on. */
const saidAt = (event: HistoryEvent, events: HistoryEvent[]): HistoryEvent[] => {
  const from = events.findIndex(({ kind, at }) => kind !== 'place' && at >= event.at);
  return [...events.slice(0, from), event, ...events.slice(from)];
};

const paused = (router: string, target: string, at: number): HistoryEvent => {
  return { kind: 'paused', at, router, target };
};
const resumes = (router: string, target: string, at: number): HistoryEvent => {
  return { kind: 'resumes', at, router, target };
};

/** Number 3 is published at 300, 4 at 400. */
const TARGETS = [
  ['jobs', 'audit'],
  ['jobs', 'jobs/hook'],
  ['work', 'work/sink-1'],
] as const;

describe('a history of subscriptions that are paused', () => {
  it.each(TARGETS)('is accepted when what %s took in before still came to %s', (router, target) => {
    const events = saidAt(paused(router, target, 306), goodBusHistory());
    expect(checksOf(saidAt(resumes(router, target, 390), events))).toEqual([]);
  });

  it.each(TARGETS)('is rejected when %s gave %s what was published meanwhile', (router, target) => {
    expect(checksOf(saidAt(paused(router, target, 299), goodBusHistory()))).toEqual(['paused']);
  });

  it('says nothing of what somebody else gives', () => {
    const tasks: HistoryEvent = paused('jobs', 'tasks', 5);
    expect(checksOf(saidAt(tasks, goodBusHistory()))).toEqual([]);
  });

  it('lets another member have what one that was paused had not, and that comes later', () => {
    const ofStreams = goodBusHistory().map((event): HistoryEvent => {
      if (event.kind !== 'place' || event.name !== 'work') return event;
      return { ...event, targets: ['archive'] };
    });
    const direct = ofStreams.map((event): HistoryEvent => {
      if (event.kind !== 'place' || event.name !== 'jobs') return event;
      return { ...event, targets: ['audit', 'work', 'jobs/hook', ...SINKS] };
    });
    const swapped = swapStanding('archive', 3, 4)(direct);
    expect(checksOf(swapped)).toContain('reordered');
    expect(checksOf(saidAt(resumes('work', 'archive', 390), swapped))).not.toContain('reordered');
  });

  it('is written and read as it is', () => {
    for (const event of [paused('jobs', 'audit', 5), resumes('jobs', 'audit', 6)])
      expect(parseEvent(encodeEvent(event))).toEqual(event);
  });
});
