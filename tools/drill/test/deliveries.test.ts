import type { HistoryEvent, Locked } from '@message-vault/checkers';
import { expect, it } from 'vitest';
import { Deliveries } from '../src/record/deliveries.ts';

const of = (...events: HistoryEvent[]) => {
  const deliveries = new Deliveries();
  for (const event of events) deliveries.add(event);
  return deliveries.list();
};

const locked = (lock: string, at: number): Locked => ({
  kind: 'locked',
  at,
  queue: 'audit',
  consumer: 'c',
  lock,
  copy: 'copy',
  producer: 'p',
  sequence: 1,
  hash: 1,
  delivery: 1,
  until: at + 100,
});

const pushed = (subscriber: string, at: number): HistoryEvent[] => [
  { kind: 'pushed', at, subscriber, producer: 'p', sequence: 1, hash: 1 },
  { kind: 'taken', at: at + 1, subscriber, producer: 'p', sequence: 1 },
];

it('what a queue gave out counts when it was acknowledged, and as given again when nobody had given it back', () => {
  expect(
    of(
      locked('1', 0),
      { kind: 'settling', at: 5, lock: '1', how: 'given-back' },
      { kind: 'settled', at: 6, lock: '1', how: 'given-back' },
      locked('2', 10),
      locked('3', 200),
      { kind: 'settling', at: 210, lock: '3', how: 'acknowledged' },
      { kind: 'settled', at: 220, lock: '3', how: 'acknowledged' },
    ),
  ).toEqual([expect.objectContaining({ place: 'audit', times: [220], again: 1 })]);
});

it('the subscribers a router chooses from are seen as a whole, any other by itself', () => {
  const router: HistoryEvent = {
    kind: 'place',
    at: 0,
    name: 'work',
    role: 'router',
    distribution: 'one',
    targets: ['sink-1', 'sink-2'],
  };
  expect(of(router, ...pushed('sink-1', 10), ...pushed('sink-2', 20), ...pushed('hook', 30))).toEqual([
    expect.objectContaining({ place: 'work', times: [11, 21], again: 1 }),
    expect.objectContaining({ place: 'hook', times: [31], again: 0 }),
  ]);
});

it('of a stream behind a router, what its tails are given counts, and no other read', () => {
  const read = (stream: string, consumer: string, at: number): HistoryEvent => ({
    kind: 'read',
    at,
    stream,
    consumer,
    producer: 'p',
    sequence: 1,
    hash: 1,
    offset: 1,
    sequenceNumber: 1,
    timestamp: 1,
  });
  const archive: HistoryEvent = { kind: 'place', at: 0, name: 'archive', role: 'stream' };
  expect(
    of(archive, read('archive', 'tail-1', 10), read('archive', 'final', 20), read('other', 'tail-1', 30)),
  ).toEqual([expect.objectContaining({ place: 'archive', times: [10] })]);
});
