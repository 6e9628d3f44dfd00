import { expect, test } from 'vitest';
import { sleep, waitAtMost } from '../src/index.ts';
import { VirtualRuntime } from '../src/testing/index.ts';

test('timers fire in order of time, and those of equal time in the order they were set', async () => {
  const runtime = new VirtualRuntime();
  const fired: string[] = [];
  for (const [name, delayMs] of [
    ['c', 30],
    ['a', 10],
    ['b', 10],
    ['d', 40],
  ] as const) {
    runtime.setTimer(delayMs, () => fired.push(`${name}@${runtime.monotonic()}`));
  }
  await runtime.advance(35);
  expect(fired).toEqual(['a@10', 'b@10', 'c@30']);
  expect(runtime.monotonic()).toBe(35);
});

test('thousands of timers set in random order come out sorted, without the cancelled ones', async () => {
  const runtime = new VirtualRuntime({ seed: 7 });
  const fired: number[] = [];
  const cancelled = new Set<number>();
  for (let index = 0; index < 5_000; index++) {
    const delayMs = runtime.rng.below(1_000);
    const timer = runtime.setTimer(delayMs, () => fired.push(runtime.monotonic()));
    if (runtime.rng.chance(0.3)) {
      timer.cancel();
      cancelled.add(index);
    }
  }
  await runtime.advance(1_000);
  expect(fired).toHaveLength(5_000 - cancelled.size);
  expect(fired).toEqual(fired.toSorted((a, b) => a - b));
});

test('run lets virtual hours pass for a sleeper and answers its result', async () => {
  const runtime = new VirtualRuntime();
  const sleeper = async (): Promise<string> => {
    await sleep(runtime, 3_000_000);
    return 'awake';
  };
  await expect(runtime.run(sleeper())).resolves.toBe('awake');
  expect(runtime.monotonic()).toBe(3_000_000);
});

test('run says so when nothing can ever happen any more', async () => {
  await expect(new VirtualRuntime().run(new Promise(() => {}))).rejects.toThrow('nothing is scheduled');
});

test('an aborted sleep rejects with the reason of the signal', async () => {
  const runtime = new VirtualRuntime();
  const controller = new AbortController();
  runtime.setTimer(5, () => controller.abort(new Error('enough')));
  await expect(runtime.run(sleep(runtime, 1_000, controller.signal))).rejects.toThrow('enough');
});

test('the same seed gives the same numbers, another seed gives others', () => {
  const draw = (seed: number): number[] => {
    const runtime = new VirtualRuntime({ seed });
    return [runtime.random(), runtime.random(), ...runtime.randomBytes(4)];
  };
  expect(draw(42)).toEqual(draw(42));
  expect(draw(42)).not.toEqual(draw(43));
});

test('a jump of the wall clock leaves the monotonic clock alone', () => {
  const runtime = new VirtualRuntime({ startAt: 1_000 });
  runtime.wallOffsetMs = -500;
  expect([runtime.now(), runtime.monotonic()]).toEqual([500, 0]);
});

test('work is waited for at most so long, and its failure is heard only if it comes in time', async () => {
  const runtime = new VirtualRuntime();
  const startedAt = runtime.monotonic();
  const told: string[] = [];
  const tell = (name: string, wait: Promise<void>): void => {
    const said = (how: string) => () => void told.push(`${name} ${how}@${runtime.monotonic() - startedAt}`);
    void wait.then(said('over'), said('failed'));
  };
  const failing = async (delayMs: number): Promise<never> => {
    await sleep(runtime, delayMs);
    throw new RangeError('no');
  };
  tell('quick', waitAtMost(runtime, 50, sleep(runtime, 20)));
  tell('slow', waitAtMost(runtime, 50, sleep(runtime, 80)));
  tell('in time', waitAtMost(runtime, 50, failing(30)));
  tell('too late', waitAtMost(runtime, 50, failing(90)));
  await runtime.advance(100);
  expect(told).toEqual(['quick over@20', 'in time failed@30', 'slow over@50', 'too late over@50']);
});
