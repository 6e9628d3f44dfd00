import { readFileSync } from 'node:fs';
import { createMetrics } from '@message-vault/telemetry';
import { expect, it } from 'vitest';
import { drills } from '../src/index.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const operations = read('docs/operations.md');

/** The first cells of the rows below a heading. */
function firstCells(heading: string): string[] {
  const section = operations.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell ?? '');
}

const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

it('every alarm a node can raise is explained to operators, and no other', () => {
  const [declaration = ''] =
    /export type AlarmCode =[\s\S]*?;/.exec(read('libs/election/src/alarms.ts')) ?? [];
  const codes = [...declaration.matchAll(/'(\w+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(5);
  expect(firstCells('Alarms').flatMap(quoted).sort()).toEqual(codes.sort());
});

it('every metric of a node is explained to operators, and no other', async () => {
  const text = await createMetrics({ nodeId: 'n', processMetrics: true }).text();
  const names = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name ?? '');
  const explained = firstCells('Metrics').flatMap(quoted);
  const whole = explained.filter((name) => !name.includes('…'));
  const families = explained.filter((name) => name.includes('…')).map((name) => name.split('…')[0] ?? '');
  expect(whole.filter((name) => !names.includes(name))).toEqual([]);
  const unexplained = names.filter(
    (name) => !whole.includes(name) && !families.some((family) => name.startsWith(family)),
  );
  expect(unexplained).toEqual([]);
});

it('names only drills there are, and only metrics there are in what to watch', async () => {
  const names = new Set(drills.map(({ name }) => name));
  const told = [...operations.matchAll(/mvault drill ([a-z][a-z-]+)/g)].map(([, name]) => name ?? '');
  expect(told.filter((name) => !names.has(name))).toEqual([]);
  const metrics = await createMetrics({ nodeId: 'n', processMetrics: true }).text();
  const watched = [...operations.matchAll(/\bmvault_[a-z0-9_]+[a-z0-9]/g)].map(([name]) => name);
  const missing = watched
    .map((name) => name.replace(/_bucket$/, ''))
    .filter((name) => !metrics.includes(name));
  expect(missing).toEqual([]);
});
