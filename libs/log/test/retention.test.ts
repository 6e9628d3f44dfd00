import { encodeOffset } from '@message-vault/framing';
import type { FaultPlan } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { applyRetention, type RetentionPolicy, type StreamWriter, segmentRef } from '../src/index.ts';
import { checkLog } from './support/check-log.ts';
import { batchOf, by, largeBatch, producerA, WriterWorld } from './support/writer-world.ts';

const day = 86_400_000;

async function publish(world: WriterWorld, writer: StreamWriter, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) {
    await world.run(writer.append(largeBatch(`v${n}:`, 10_000)));
    await world.runtime.advance(60_000);
  }
}

function retain(world: WriterWorld, policy: RetentionPolicy, nowMs = world.runtime.now()): Promise<string[]> {
  return applyRetention({ pages: world.pages, stream: world.stream, policy, nowMs });
}

describe('retention', () => {
  const settings = { segmentCommits: 10 };

  it('without a policy deletes nothing', async () => {
    const world = new WriterWorld();
    await publish(world, await world.open(1, { settings }), 0, 100);
    expect(await retain(world, {}, world.runtime.now() + 1000 * day)).toEqual([]);
  });

  it('by age deletes the segments whose messages are all older, oldest first', async () => {
    const world = new WriterWorld();
    await publish(world, await world.open(1, { settings }), 0, 200);
    const segments = await world.segments();
    const deleted = await retain(world, { retentionAgeMs: 155 * 60_000 });
    // 200 minutes are in 20 segments of 10; the first four lie wholly more than 155 minutes back.
    expect(deleted).toEqual(segments.slice(0, 4).map((page) => String(page).padStart(16, '0')));
    expect(await world.segments()).toEqual(segments.slice(4));
    expect((await checkLog(world)).map((value) => value.split(':')[0])[0]).toBe('v40');
  });

  it('keeps what somebody still needs, however old', async () => {
    const world = new WriterWorld();
    await publish(world, await world.open(1, { settings }), 0, 200);
    const segments = await world.segments();
    const policy = { retentionAgeMs: 155 * 60_000 };
    const options = { pages: world.pages, stream: world.stream, policy, nowMs: world.runtime.now() };
    const at = (index: number): number => segments[index] ?? Number.NaN;
    expect(await applyRetention({ ...options, keepFrom: encodeOffset(at(2) + 3, 0) })).toHaveLength(2);
    expect(await world.segments()).toEqual(segments.slice(2));
    expect(await applyRetention({ ...options, keepFrom: encodeOffset(at(3), 0) })).toHaveLength(1);
    expect(await applyRetention({ ...options, keepFrom: encodeOffset(at(19), 0) })).toHaveLength(1);
  });

  it('by age deletes nothing because one node believes that it is years later', async () => {
    const world = new WriterWorld();
    await publish(world, await world.open(1, { settings }), 0, 200);
    const policy = { retentionAgeMs: 155 * 60_000 };
    expect(await retain(world, policy, world.runtime.now() + 1000 * day)).toHaveLength(4);
    expect(await retain(world, policy, world.runtime.now() + 1000 * day)).toEqual([]);
  });

  it('by age keeps what is young by its timestamps, though the storage has not seen it change for long', async () => {
    const world = new WriterWorld();
    await publish(world, await world.open(1, { settings }), 0, 200);
    await world.runtime.advance(10 * day);
    const clockSetBack = world.runtime.now() - 10 * day;
    expect(await retain(world, { retentionAgeMs: day }, clockSetBack)).toEqual([]);
  });

  it('by bytes deletes what has at least so many bytes behind it', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings });
    await publish(world, writer, 0, 200);
    const segments = await world.segments();
    await retain(world, { retentionBytes: 1_000_000 });
    const left = await world.segments();
    expect(left.length).toBeLessThan(segments.length);
    const keptBytes = (writer.tail.page - (left[1] ?? 0)) * 512;
    expect(keptBytes).toBeGreaterThanOrEqual(1_000_000 - 200_000);
    expect((writer.tail.page - (left[0] ?? 0)) * 512).toBeGreaterThanOrEqual(1_000_000);
  });

  it('never deletes the newest segment, nor anything a next leader needs', async () => {
    for (let commits = 1; commits <= 150; commits += 7) {
      const world = new WriterWorld();
      const writer = await world.open(1, { settings: { segmentCommits: 5 } });
      const first = await world.run(writer.append(batchOf('once', by(producerA, 0))));
      for (let n = 1; n < commits; n += 1) await world.run(writer.append(batchOf(`v${n}`)));
      const newest = (await world.segments()).at(-1);
      await retain(world, { retentionAgeMs: 1, retentionBytes: 1 }, world.runtime.now() + 1000 * day);
      expect((await world.segments()).at(-1)).toBe(newest);
      const next = await world.open(2, { settings: { segmentCommits: 5 } });
      expect(next.tail).toEqual(writer.tail);
      const repeat = await world.run(next.append(batchOf('once', by(producerA, 0))));
      expect(repeat).toEqual({ ...first, duplicate: true });
    }
  });

  it('keeps the newest checkpoint when a newer one was torn while it was written, and the leader is gone', async () => {
    const world = new WriterWorld();
    const smallSegments = { segmentCommits: 4 };
    let writes = 0;
    const dying: FaultPlan = ({ operation }) => {
      if (operation === 'pages.writePages') writes += 1;
      if (operation === 'pages.writePages' && writes === 65) return { kind: 'tear', pages: 1 };
      return writes >= 65 ? { kind: 'refuse', code: 'unavailable' } : undefined;
    };
    const writer = await world.open(1, { settings: smallSegments, faults: dying });
    await publish(world, writer, 0, 64);
    const lost = writer.append(largeBatch('v64:', 10_000)).catch(() => undefined);
    await world.runtime.advance(60_000);
    await lost;
    await retain(world, { retentionBytes: 1 });
    const next = await world.open(2, { settings: smallSegments });
    expect(next.tail.nextSequenceNumber).toBe(64);
    await publish(world, next, 64, 70);
    expect(await retain(world, { retentionBytes: 1 })).not.toEqual([]);
  });

  it('keeps the last commit when the newest segment is still empty', async () => {
    const world = new WriterWorld();
    const old = await world.open(1, { settings: { segmentCommits: 2 } });
    for (let n = 0; n < 130; n += 1) await world.run(old.append(batchOf(`v${n}`)));
    const writer = await world.open(2, { settings: { segmentCommits: 2 } });
    await world.runtime.advance(1000 * day);
    expect((await retain(world, { retentionAgeMs: 1 })).length).toBeGreaterThan(30);
    const next = await world.open(3, { settings: { segmentCommits: 2 } });
    expect(next.tail).toEqual(writer.tail);
    expect(next.tail.nextSequenceNumber).toBe(130);
  });

  it('removes an old segment again that a late creation has brought back', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings });
    await publish(world, writer, 0, 95);
    await retain(world, { retentionAgeMs: 10 * 60_000 });
    const segments = await world.segments();
    await world.pages.createSegment(segmentRef(world.stream, 0), { sizeBytes: 8 * 1024 * 1024, epoch: 1 });
    const next = await world.open(2, { settings });
    expect(next.tail).toEqual(writer.tail);
    await retain(world, { retentionAgeMs: 10 * 60_000 });
    expect(await world.segments()).toEqual(segments);
  });

  it('goes on while the stream is written, and disturbs no writer', async () => {
    const world = new WriterWorld();
    const writer = await world.open(1, { settings });
    for (let round = 0; round < 10; round += 1) {
      await publish(world, writer, round * 30, (round + 1) * 30);
      await retain(world, { retentionAgeMs: 30 * 60_000 });
    }
    const values = await checkLog(world);
    expect(values.at(-1)?.split(':')[0]).toBe('v299');
    expect((await world.segments()).length).toBeLessThan(15);
  });
});
