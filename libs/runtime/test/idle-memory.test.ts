import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { IdleMemory, ownMemory } from '../src/idle-memory.ts';

const MIB = 1024 * 1024;

/** A process with `liveBytes` in use, which is what a release leaves. */
function processWith(liveBytes: number) {
  const state = { busy: 0, residentBytes: liveBytes, collectMs: 50, collections: 0, releases: 0 };
  const idle = new IdleMemory({
    busyShare: () => state.busy,
    residentBytes: () => state.residentBytes,
    collect: () => {
      state.collections += 1;
      return state.collectMs;
    },
    release: () => {
      state.releases += 1;
      state.residentBytes = liveBytes;
    },
  });
  const look = (times = 1): void => {
    for (let time = 0; time < times; time++) idle.look();
  };
  return { state, look };
}

it('gives memory back when there is nothing to do, once, and a collection before', () => {
  const { state, look } = processWith(100 * MIB);
  state.residentBytes = 300 * MIB;
  look();
  expect(state).toMatchObject({ collections: 1, releases: 0 });
  look();
  expect(state).toMatchObject({ collections: 1, releases: 1 });
  look(100);
  expect(state).toMatchObject({ collections: 1, releases: 1 });
});

it('does not disturb who is at work, and begins anew after that', () => {
  const { state, look } = processWith(100 * MIB);
  state.residentBytes = 300 * MIB;
  state.busy = 0.2;
  look(5);
  expect(state).toMatchObject({ collections: 0, releases: 0 });
  state.busy = 0;
  look();
  state.busy = 0.2;
  look(5);
  expect(state).toMatchObject({ collections: 1, releases: 0 });
  state.busy = 0;
  look(2);
  expect(state).toMatchObject({ collections: 2, releases: 1 });
});

it('gives nothing back where that would be a long pause, and does not try all the time', () => {
  const { state, look } = processWith(100 * MIB);
  state.residentBytes = 300 * MIB;
  state.collectMs = 200;
  look(7);
  expect(state).toMatchObject({ collections: 1, releases: 0 });
  state.collectMs = 50;
  look(3);
  expect(state).toMatchObject({ collections: 2, releases: 1 });
});

it('begins again when enough has come, counted from the least there was', () => {
  const { state, look } = processWith(100 * MIB);
  look(5);
  expect(state.releases).toBe(1);
  state.residentBytes = 110 * MIB;
  look(5);
  expect(state.releases).toBe(1);
  state.residentBytes = 90 * MIB;
  look();
  state.residentBytes = 110 * MIB;
  look(2);
  expect(state.releases).toBe(2);
});

it('tells a process at work from one that waits', async () => {
  const memory = ownMemory();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const waiting = memory.busyShare();
  for (const until = performance.now() + 200; performance.now() < until; );
  await new Promise((resolve) => setImmediate(resolve));
  const working = memory.busyShare();
  expect(working).toBeGreaterThan(waiting);
  expect(working).toBeLessThanOrEqual(1);
});

it('makes the resident memory of a process smaller by what it does not need any more', async () => {
  const program = `
    const source = (name) => import(new URL(name, ${JSON.stringify(new URL('../src/', import.meta.url).href)}).href);
    const { tuneCollectorForBuffers } = await source('collector.ts');
    const { ownMemory } = await source('idle-memory.ts');
    tuneCollectorForBuffers();
    const memory = ownMemory();
    let kept = Array.from({ length: 1_000_000 }, (_, at) => ({ at, text: 'x' + at }));
    const full = memory.residentBytes();
    kept = undefined;
    await new Promise((resolve) => setImmediate(resolve));
    const collectMs = memory.collect();
    memory.release();
    console.log(JSON.stringify({ full, left: memory.residentBytes(), collectMs }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  const { full, left, collectMs } = JSON.parse(stdout);
  expect(collectMs).toBeGreaterThan(0);
  expect(full - left).toBeGreaterThanOrEqual(40 * MIB);
});
