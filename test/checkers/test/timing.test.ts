import { describe, expect, it } from 'vitest';
import { distribution, type HistoryEvent, WriteGaps } from '../src/index.ts';

const ack = (at: number): HistoryEvent => ({
  kind: 'ack',
  at,
  stream: 's',
  producer: 'p',
  sequence: 0,
  offset: 0,
  sequenceNumber: 0,
});
const mark = (at: number, name = 'fault'): HistoryEvent => ({ kind: 'mark', at, name });

function gapsOf(events: readonly HistoryEvent[]) {
  const gaps = new WriteGaps();
  for (const event of events) gaps.add(event);
  return gaps.finish();
}

describe('the write gap', () => {
  it('goes from the last acknowledgement before a mark to the first after it', () => {
    expect(gapsOf([ack(0), ack(10), mark(12), ack(900), ack(905)])).toEqual([
      { mark: 'fault', at: 12, acrossMs: 890, longestMs: 890 },
    ]);
  });

  it('is the same in whatever order the events come', () => {
    expect(gapsOf([ack(905), mark(12), ack(10), ack(900), ack(0)])).toEqual([
      { mark: 'fault', at: 12, acrossMs: 890, longestMs: 890 },
    ]);
  });

  it('behind an answer that was already under way shows as the longest silence', () => {
    expect(gapsOf([ack(0), ack(10), mark(12), ack(13), ack(1_000)])).toMatchObject([
      { acrossMs: 3, longestMs: 987 },
    ]);
  });

  it('ends at the next mark', () => {
    const gaps = gapsOf([ack(0), mark(1), ack(20), ack(30), mark(31, 'heal'), ack(32), ack(500)]);
    expect(gaps).toMatchObject([
      { mark: 'fault', acrossMs: 20, longestMs: 20 },
      { mark: 'heal', acrossMs: 2, longestMs: 468 },
    ]);
  });

  it('is not known when nothing was acknowledged before, or ever again', () => {
    expect(gapsOf([mark(1), ack(20)])).toMatchObject([{ acrossMs: undefined, longestMs: undefined }]);
    expect(gapsOf([ack(20), mark(21)])).toMatchObject([{ acrossMs: undefined, longestMs: undefined }]);
  });
});

describe('a distribution', () => {
  it('has values that occurred for its percentiles', () => {
    expect(distribution(Array.from({ length: 200 }, (_, index) => 200 - index))).toEqual({
      count: 200,
      min: 1,
      p50: 100,
      p90: 180,
      p99: 198,
      max: 200,
      mean: 100.5,
    });
  });

  it('of one value is that value', () => {
    expect(distribution([7])).toEqual({ count: 1, min: 7, p50: 7, p90: 7, p99: 7, max: 7, mean: 7 });
  });

  it('of nothing is none', () => {
    expect(distribution([])).toBeUndefined();
  });
});
