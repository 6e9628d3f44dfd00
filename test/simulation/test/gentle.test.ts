import { expect, test } from 'vitest';
import type { Fault } from '../src/faults/fault.ts';
import type { Setup } from '../src/run/setup.ts';
import { simulate } from '../src/run/simulate.ts';
import { calm } from '../src/world/weather.ts';

const SEEDS = 12;

/** Fair weather and patient producers. */
function fair(faults: readonly Fault[]): (setup: Setup) => Setup {
  return (setup) => ({
    ...setup,
    weather: calm,
    calmAtMs: 8000,
    producers: setup.producers.map((producer) => ({
      ...producer,
      onCondition: false,
      client: { ...producer.client, deliveryTimeoutMs: 30_000 },
    })),
    faults,
  });
}

test('when leadership is handed over, again and again, no publish fails', async () => {
  const handovers: Fault[] = [1000, 2500, 4000, 5500].map((atMs) => ({
    atMs,
    kind: 'handover',
    through: 'n1',
  }));
  let leaders = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { findings, counts } = await simulate(seed, { change: fair(handovers) });
    expect([seed, findings, counts.failures]).toEqual([seed, [], 0]);
    leaders += counts.leaders;
  }
  expect(leaders).toBeGreaterThan(3 * SEEDS);
}, 120_000);

test('when the leader is asked to stop, and comes back, no publish fails', async () => {
  const stops: Fault[] = [1500, 5000].map((atMs) => ({ atMs, kind: 'stop', victim: 'leader', forMs: 1000 }));
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { findings, counts } = await simulate(seed, { change: fair(stops) });
    expect([seed, findings, counts.failures]).toEqual([seed, [], 0]);
    expect([seed, counts.leaders]).toEqual([seed, 3]);
  }
}, 120_000);

test('nobody takes over while the leader is well and only another node is cut off, stopped or dead', async () => {
  const faults: Fault[] = [
    { atMs: 1000, kind: 'cut', from: 'n1', to: 'n2', oneWay: false, after: 'break', forMs: 2000 },
    { atMs: 3500, kind: 'freeze', victim: 'n2', forMs: 1000 },
    { atMs: 5000, kind: 'crash', victim: 'n2', forMs: 500 },
    { atMs: 6000, kind: 'cut', from: 'n2', to: 'storage', oneWay: false, after: 'break', forMs: 1000 },
  ];
  const witnessed = (setup: Setup): Setup => {
    const made = fair(faults)(setup);
    const reader = made.nodes.find((node) => node.app === 'reader');
    const nodes = made.nodes.map((node) => ({
      ...node,
      witnesses: reader === undefined || reader === node ? [] : [reader.url],
    }));
    return { ...made, nodes: reader === undefined ? [] : nodes };
  };
  let judged = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { findings, counts, setup } = await simulate(seed, { change: witnessed });
    if (setup.nodes.length === 0) continue;
    expect([seed, findings, counts.leaders]).toEqual([seed, [], 1]);
    judged += 1;
  }
  expect(judged).toBeGreaterThan(SEEDS / 2);
}, 120_000);
