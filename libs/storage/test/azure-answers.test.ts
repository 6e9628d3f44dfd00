import { expect, it } from 'vitest';
import { unchangedMsOf } from '../src/azure/answers.ts';

function answered(headers: Record<string, string>) {
  return { status: 200, headers, body: new Uint8Array() };
}

it('how long something is unchanged is told by the two times of one answer, whatever the time is here', () => {
  const date = 'Fri, 20 Nov 2099 12:00:05 GMT';
  const changed = 'Fri, 20 Nov 2099 11:00:00 GMT';
  expect(unchangedMsOf(answered({ date, 'last-modified': changed }))).toBe(3_605_000);
});

it('an answer without both times, or with times that make no sense, tells of nothing old', () => {
  const date = 'Fri, 20 Nov 2099 12:00:05 GMT';
  const earlier = 'Fri, 20 Nov 2099 11:00:00 GMT';
  expect(unchangedMsOf(answered({}))).toBe(0);
  expect(unchangedMsOf(answered({ date }))).toBe(0);
  expect(unchangedMsOf(answered({ 'last-modified': earlier }))).toBe(0);
  expect(unchangedMsOf(answered({ date, 'last-modified': 'long ago' }))).toBe(0);
  expect(unchangedMsOf(answered({ date: earlier, 'last-modified': date }))).toBe(0);
});
