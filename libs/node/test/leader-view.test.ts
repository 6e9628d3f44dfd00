import { encodeLeaderDocument, LEADER_PATH, type LeaderDocument } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { memoryStorage } from '@message-vault/storage';
import { expect, test } from 'vitest';
import { LeaderView } from '../src/leader-view.ts';

const leader = (epoch: number): LeaderDocument => {
  return { version: 1, epoch, nodeId: `node-${epoch}`, url: `http://node-${epoch}`, since: 0 };
};

async function viewing() {
  const runtime = new VirtualRuntime();
  const storage = memoryStorage({ runtime });
  const put = (document: LeaderDocument) =>
    storage.documents.put(LEADER_PATH, encodeLeaderDocument(document), { ifAbsent: true });
  const view = new LeaderView({ documents: storage.documents, runtime, maxAgeMs: 1000 });
  return { runtime, put, view };
}

const newerThan = (epoch: number) => (candidate: LeaderDocument) => candidate.epoch > epoch;

test('whoever waits for a leader hears of it the moment this node does', async () => {
  const { runtime, view } = await viewing();
  runtime.setTimer(1234, () => view.learn(leader(2)));
  expect(await runtime.run(view.waitFor(newerThan(1), 5000))).toEqual(leader(2));
  expect(runtime.monotonic()).toBe(1234);
});

test('whoever waits for this node to lead hears of it though the records said so before', async () => {
  const { runtime, view } = await viewing();
  let leads = false;
  view.learn(leader(2));
  runtime.setTimer(777, () => {
    leads = true;
    view.learn(leader(2));
  });
  expect(await runtime.run(view.waitFor(() => leads, 5000))).toEqual(leader(2));
  expect(runtime.monotonic()).toBe(777);
});

test('without any news, the storage is looked at, and what it says is enough', async () => {
  const { runtime, put, view } = await viewing();
  runtime.setTimer(900, () => void put(leader(2)));
  expect(await runtime.run(view.waitFor(newerThan(1), 5000))).toEqual(leader(2));
  expect(runtime.monotonic()).toBeLessThan(1150);
});

test('nobody waits for longer than they said, nor after they have gone', async () => {
  const { runtime, view } = await viewing();
  expect(await runtime.run(view.waitFor(newerThan(1), 300))).toBeNull();
  expect(runtime.monotonic()).toBe(300);
  const gone = new AbortController();
  runtime.setTimer(100, () => gone.abort(new Error('gone')));
  await expect(runtime.run(view.waitFor(newerThan(1), 5000, gone.signal))).rejects.toThrow('gone');
  expect(runtime.monotonic()).toBe(400);
});
