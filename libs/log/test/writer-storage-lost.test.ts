import { expect, it } from 'vitest';
import { createStream, isLogError, openWriter, type StreamRef, segmentRef } from '../src/index.ts';
import { batchOf, onCall, WriterWorld } from './support/writer-world.ts';

it('a stream whose container is gone is not begun anew: opening says that its storage was lost', async () => {
  const world = new WriterWorld();
  const writer = await world.open(1);
  await world.run(writer.append(batchOf('a')));
  await world.run(writer.close());
  await world.pages.deleteContainer(world.stream.container);
  const opening = world.open(2).catch((error: unknown) => error);
  const error = await opening;
  expect(isLogError(error, 'damaged') && error.message).toMatch(/container mv-orders.*is gone.*restore/);
  expect(await world.segments()).toEqual([]);
});

it('a stream made with its first segment, whose container has been emptied, is not begun anew', async () => {
  const world = new WriterWorld();
  const stream: StreamRef = { ...world.stream, madeWithSegment: true };
  const { pages, runtime } = world;
  const open = (epoch: number) =>
    world.run(openWriter({ pages, runtime, stream, leadership: world.leader(epoch) }));
  await createStream({ pages, stream, epoch: 1, segmentBytes: 1024 * 1024 });
  const writer = await open(1);
  await world.run(writer.append(batchOf('a')));
  await world.run(writer.close());
  await pages.deleteSegment(segmentRef(stream, 0));
  await expect(open(2)).rejects.toMatchObject({
    code: 'damaged',
    message: expect.stringContaining('restore'),
  });
  expect(await world.segments()).toEqual([]);
});

it('a stream made with its first segment opens at offset 0, for the leader that made it and for a later one', async () => {
  for (const epoch of [1, 5]) {
    const world = new WriterWorld();
    await createStream({ pages: world.pages, stream: world.stream, epoch: 1, segmentBytes: 1024 * 1024 });
    const writer = await world.open(epoch);
    expect(writer.tail).toMatchObject({ offset: 0, nextSequenceNumber: 0 });
    await world.run(writer.append(batchOf('a')));
    expect(await world.values()).toEqual(['a']);
  }
});

it('a container whose segments could not be listed for a moment is not taken for a lost one', async () => {
  const world = new WriterWorld();
  await world.open(1);
  const faults = onCall('listSegments', 0, { kind: 'refuse', code: 'unavailable' });
  const writer = await world.open(2, { faults });
  expect(writer.tail.offset).toBe(0);
});
